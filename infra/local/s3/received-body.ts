import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type Readable, Transform, type TransformCallback, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Identity } from '../aws/authenticate.ts';
import { AwsChunkedDecoder, incompleteBody } from './aws-chunked.ts';
import { type BodyStore, smallBody } from './bodies.ts';
import {
  CHECKSUM_ALGORITHMS,
  type Checksum,
  type ChecksumAlgorithm,
  checksumAlgorithmOf,
  checksumHeader,
  createChecksum,
} from './checksums.ts';
import { type ChunkSignatures, chunkSignatures } from './chunk-signature.ts';
import type { Digest } from './crc.ts';
import { S3Error } from './errors.ts';

/** What is known of a body once it has arrived whole and every digest its sender named has been checked. */
export interface ReceivedBody {
  readonly size: number;
  readonly md5: Buffer;
  readonly checksum: Checksum | undefined;
}

/** A request and whose it is. */
interface Incoming {
  readonly message: IncomingMessage;
  readonly identity: Identity;
}

const FIVE_GIBIBYTES = 5 * 1024 ** 3;

/** DeleteObjects with a thousand long keys, CompleteMultipartUpload with ten thousand parts. */
const LARGEST_DOCUMENT = 4 * 1024 ** 2;

/** Writes the request's body to the store. Throws BadDigest and its kin, leaving nothing behind. */
export async function storeBody(
  bodies: BodyStore,
  { message, identity }: Incoming,
): Promise<ReceivedBody & { readonly bodyId: string }> {
  const { headers } = message;
  const declared = Number(headers['x-amz-decoded-content-length'] ?? headers['content-length'] ?? 0);
  if (declared > FIVE_GIBIBYTES) {
    throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size');
  }
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
  const { transforms, verifier } = verification(headers, identity);
  // A body of unknown length declares nothing; on the wire it never has more bytes than its length says.
  const isSmall = headers['content-length'] !== undefined && Number(headers['content-length']) <= smallBody;
  const store = isSmall
    ? collect(message, transforms, verifier).then((bytes) => bodies.writeWhole(bytes))
    : bodies.write(message, transforms);
  const bodyId = await store.catch((error: unknown) => {
    throw asIncomplete(message, error);
  });
  return { bodyId, ...verifier.result() };
}

/** A small body whole and verified. The streams that a large one goes through cost more than its bytes. */
async function collect(
  message: IncomingMessage,
  transforms: readonly Transform[],
  verifier: BodyVerifier,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  if (transforms.length === 1) {
    for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
    const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    verifier.verifyWhole(bytes);
    return bytes;
  }
  const collector = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  await pipeline([message, ...transforms, collector]);
  return Buffer.concat(chunks);
}

/** Writes bytes from this side (a copy, joined parts) to the store, with their digests. */
export async function storeStream(
  bodies: BodyStore,
  source: Readable,
  algorithm: ChecksumAlgorithm | undefined,
): Promise<ReceivedBody & { readonly bodyId: string }> {
  const verifier = new BodyVerifier(
    algorithm === undefined ? {} : { 'x-amz-sdk-checksum-algorithm': algorithm },
    '',
    undefined,
  );
  const bodyId = await bodies.write(source, [verifier]);
  return { bodyId, ...verifier.result() };
}

/** Reads a small body (the XML of a request) whole. */
export async function readBody({
  message,
  headers,
  identity,
}: Incoming & { readonly headers: IncomingHttpHeaders }): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const collector = new Writable({
    write(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      chunks.push(chunk);
      done(
        size > LARGEST_DOCUMENT
          ? new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size')
          : null,
      );
    },
  });
  await pipeline([message, ...verification(headers, identity).transforms, collector]).catch((error: unknown) => {
    throw asIncomplete(message, error);
  });
  return Buffer.concat(chunks).toString('utf8');
}

/** A connection that broke is the sender's loss, not an internal error. */
function asIncomplete(message: IncomingMessage, error: unknown): unknown {
  return message.errored === null || error instanceof S3Error ? error : incompleteBody();
}

function verification(headers: IncomingHttpHeaders, identity: Identity) {
  const { payloadHash } = identity;
  const chunked = payloadHash.startsWith('STREAMING-') || /\baws-chunked\b/.test(headers['content-encoding'] ?? '');
  const decoder = chunked ? new AwsChunkedDecoder(signaturesOf(headers, identity)) : undefined;
  const verifier = new BodyVerifier(headers, payloadHash, decoder?.trailers);
  return { transforms: decoder === undefined ? [verifier] : [decoder, verifier], verifier };
}

function signaturesOf(headers: IncomingHttpHeaders, { payloadHash, principal }: Identity): ChunkSignatures | undefined {
  if (!payloadHash.startsWith('STREAMING-AWS4-HMAC-SHA256')) return undefined;
  return chunkSignatures(headers.authorization ?? '', String(headers['x-amz-date'] ?? ''), principal.secretAccessKey);
}

/** Passes the body through while taking its digests, and fails the stream when one differs from what was announced. */
class BodyVerifier extends Transform {
  readonly #headers: IncomingHttpHeaders;
  readonly #trailers: ReadonlyMap<string, string> | undefined;
  readonly #algorithm: ChecksumAlgorithm | undefined;
  readonly #md5 = createHash('md5');
  readonly #sha256: { readonly digest: Digest; readonly expected: string } | undefined;
  readonly #checksum: Digest | undefined;
  #size = 0;
  #result: ReceivedBody | undefined;

  constructor(headers: IncomingHttpHeaders, payload: string, trailers: ReadonlyMap<string, string> | undefined) {
    super();
    this.#headers = headers;
    this.#trailers = trailers;
    this.#algorithm = announcedAlgorithm(headers);
    this.#checksum = this.#algorithm === undefined ? undefined : createChecksum(this.#algorithm);
    this.#sha256 = /^[\da-f]{64}$/.test(payload) ? { digest: createHash('sha256'), expected: payload } : undefined;
  }

  /** A body that is at hand, without the stream. @throws S3Error when a digest differs from what was announced */
  verifyWhole(bytes: Buffer): void {
    this.#take(bytes);
    this.#verify();
  }

  #take(chunk: Buffer): void {
    this.#size += chunk.length;
    this.#md5.update(chunk);
    this.#sha256?.digest.update(chunk);
    this.#checksum?.update(chunk);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#take(chunk);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    try {
      this.#verify();
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  result(): ReceivedBody {
    if (this.#result === undefined) throw new Error('The body has not ended yet');
    return this.#result;
  }

  #verify(): void {
    const decodedLength = this.#headers['x-amz-decoded-content-length'];
    if (decodedLength !== undefined && Number(decodedLength) !== this.#size) throw incompleteBody();
    if (this.#sha256 !== undefined && this.#sha256.digest.digest().toString('hex') !== this.#sha256.expected) {
      throw new S3Error(
        'XAmzContentSHA256Mismatch',
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
      );
    }
    const md5 = this.#md5.digest();
    this.#verifyMd5(md5);
    this.#result = { size: this.#size, md5, checksum: this.#verifiedChecksum() };
  }

  #verifyMd5(md5: Buffer): void {
    const announced = this.#headers['content-md5'];
    if (announced === undefined) return;
    if (Buffer.from(String(announced), 'base64').length !== md5.length) {
      throw new S3Error('InvalidDigest', 'The Content-MD5 you specified was invalid.');
    }
    if (announced !== md5.toString('base64')) {
      throw new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.');
    }
  }

  #verifiedChecksum(): Checksum | undefined {
    if (this.#algorithm === undefined || this.#checksum === undefined) return undefined;
    const header = checksumHeader(this.#algorithm);
    const announced = this.#headers[header] ?? this.#trailers?.get(header);
    const value = this.#checksum.digest().toString('base64');
    if (announced === undefined && this.#headers['x-amz-trailer'] !== undefined) throw incompleteBody();
    if (announced !== undefined && announced !== value) {
      throw new S3Error('BadDigest', `The ${this.#algorithm} you specified did not match the calculated checksum.`);
    }
    return { algorithm: this.#algorithm, value, type: 'FULL_OBJECT' };
  }
}

/** The checksum the sender gives as a header, promises as a trailer, or asks to have computed. */
function announcedAlgorithm(headers: IncomingHttpHeaders): ChecksumAlgorithm | undefined {
  const given = CHECKSUM_ALGORITHMS.find((algorithm) => headers[checksumHeader(algorithm)] !== undefined);
  if (given !== undefined) return given;
  const trailer = /x-amz-checksum-(\w+)/i.exec(String(headers['x-amz-trailer'] ?? ''))?.[1];
  const named = trailer ?? headers['x-amz-sdk-checksum-algorithm'];
  if (named === undefined) return undefined;
  const algorithm = checksumAlgorithmOf(String(named));
  if (algorithm === undefined) throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.');
  return algorithm;
}
