import {
  createHash,
  createHmac,
  createSecretKey,
  type Hash,
  type Hmac,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import { ALGORITHM_IDENTIFIER, createScope, getSigningKey, SignatureV4Base } from '@smithy/signature-v4';
import type { Principal } from '../iam/authorizer.ts';

type Bytes = string | ArrayBuffer | ArrayBufferView;

/** SHA-256 (HMAC when given a secret) in the shape that the signature library asks for. */
class Sha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: Bytes) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', toView(secret));
  }
  update(data: Bytes): void {
    this.#hash.update(toView(data));
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function toView(data: Bytes): string | Uint8Array {
  if (typeof data === 'string') return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** What a signature claims to cover. */
export interface SignedContent {
  readonly method: string;
  /** As it stood on the wire, before any decoding. */
  readonly path: string;
  /** Decoded; `X-Amz-Signature` is left out by the algorithm. */
  readonly query: Record<string, string | string[]>;
  /** The headers that `SignedHeaders` names, and no other. */
  readonly headers: Record<string, string>;
  readonly payloadHash: string;
  /** `20261104T120000Z`. */
  readonly timestamp: string;
  readonly region: string;
  readonly service: string;
}

/** The SDK's own signer, asked to sign exactly what a client says that it signed. */
class Verifier extends SignatureV4Base {
  constructor(principal: Principal, region: string, service: string) {
    // S3 alone signs the path as it is sent; the others encode it once more.
    super({ credentials: principal, region, service, sha256: Sha256, uriEscapePath: service !== 's3' });
  }

  async signatureOf(content: SignedContent, principal: Principal): Promise<Buffer> {
    const { method, path, query, payloadHash, timestamp, region, service } = content;
    const request = { method, path, query, headers: {}, protocol: 'http:', hostname: '' };
    const canonical = this.createCanonicalRequest(request, trimmed(content.headers), payloadHash);
    const day = timestamp.slice(0, 8);
    const scope = createScope(day, region, service);
    const toSign = await this.createStringToSign(timestamp, scope, canonical, ALGORITHM_IDENTIFIER);
    const key = await signingKeyOf(principal, day, region, service);
    return createHmac('sha256', key).update(toSign).digest();
  }
}

const signingKeys = new WeakMap<Principal, Map<string, KeyObject>>();
/** Of a day, a region and a service each: services are few, and of days only the last is asked for. */
const mostKeys = 32;

/**
 * The library keeps keys as well, and finds them by a digest of the secret: one more for every request. As key objects: of bytes Node
 * asks first whether they are one, and is answered by an exception that takes four times as long as the digest.
 */
async function signingKeyOf(principal: Principal, day: string, region: string, service: string): Promise<KeyObject> {
  const scope = createScope(day, region, service);
  const known = signingKeys.get(principal) ?? new Map<string, KeyObject>();
  const found = known.get(scope);
  if (found) return found;
  const key = createSecretKey(await getSigningKey(Sha256, principal, day, region, service));
  if (known.size === mostKeys) known.clear();
  signingKeys.set(principal, known.set(scope, key));
  return key;
}

function trimmed(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace(/\s+/g, ' ').trim()]));
}

/** Whether `signature` (64 hexadecimal digits) is the principal's over `content`; compares in constant time. */
export async function isSignatureOf(signature: string, content: SignedContent, principal: Principal): Promise<boolean> {
  const expected = await new Verifier(principal, content.region, content.service).signatureOf(content, principal);
  const given = Buffer.from(signature, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
