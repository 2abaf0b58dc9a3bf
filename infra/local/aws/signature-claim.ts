import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ALGORITHM_IDENTIFIER, MAX_PRESIGNED_TTL, UNSIGNED_PAYLOAD } from '@smithy/signature-v4';
import { AwsError } from './aws-error.ts';

/** An HTTP request that should carry an AWS signature (version 4), in its headers or in its query. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query exactly as received. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The signing name of the service that was asked (`s3`, `sqs`, `kms`, `secretsmanager`, `events`). */
  readonly service: string;
  /** The whole body, when it is at hand: its hash is then compared with the signed one. A stream is checked later, against `Identity.payloadHash`. */
  readonly body?: Uint8Array;
}

/** The claims of a request about its own signature; none is verified yet. */
export interface Claim {
  readonly accessKeyId: string;
  /** `20261104`, from the credential. */
  readonly day: string;
  readonly region: string;
  readonly service: string;
  readonly timestamp: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly payloadHash: string;
  /** Seconds from `timestamp`; only presigned URLs have it. */
  readonly expires?: number;
}

/** Reads the claim from the query of a presigned URL, else from the Authorization header. Throws when there is none or it is malformed. */
export function readClaim(request: SignedRequest, query: Query): Claim {
  return single(query, 'X-Amz-Signature') === undefined ? claimOfHeader(request) : claimOfQuery(request, query);
}

function claimOfHeader(request: SignedRequest): Claim {
  const { authorization } = request.headers;
  if (authorization === undefined) throw missingToken(request.service);
  const [algorithm = '', parameters = ''] = split(authorization, ' ');
  const fields = new Map(parameters.split(',').map((part) => split(part.trim(), '=')));
  const credential = fields.get('Credential');
  const signedHeaders = fields.get('SignedHeaders');
  const signature = fields.get('Signature');
  if (algorithm !== ALGORITHM_IDENTIFIER || !credential || !signedHeaders || !signature) {
    throw malformed(request.service, 'the header needs AWS4-HMAC-SHA256 with Credential, SignedHeaders and Signature');
  }
  const timestamp = header(request, 'x-amz-date');
  if (timestamp === undefined) throw malformed(request.service, 'x-amz-date is missing');
  const payloadHash = header(request, 'x-amz-content-sha256');
  if (request.service === 's3' && payloadHash === undefined) {
    throw new AwsError('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  }
  return {
    ...parseCredential(request.service, credential),
    timestamp,
    signedHeaders: signedHeaders.toLowerCase().split(';'),
    signature,
    payloadHash: payloadHash ?? hashOf(request.body),
  };
}

function claimOfQuery(request: SignedRequest, query: Query): Claim {
  const need = (name: string): string => {
    const value = single(query, name);
    if (value === undefined) throw malformed(request.service, `${name} is missing from the query`, true);
    return value;
  };
  if (need('X-Amz-Algorithm') !== ALGORITHM_IDENTIFIER) throw malformed(request.service, 'X-Amz-Algorithm', true);
  const expires = Number(need('X-Amz-Expires'));
  if (!Number.isInteger(expires) || expires < 0 || expires > MAX_PRESIGNED_TTL) {
    throw malformed(request.service, `X-Amz-Expires must be 0 to ${MAX_PRESIGNED_TTL} seconds`, true);
  }
  const unsigned = request.service === 's3' ? UNSIGNED_PAYLOAD : hashOf(request.body);
  return {
    ...parseCredential(request.service, need('X-Amz-Credential'), true),
    timestamp: need('X-Amz-Date'),
    signedHeaders: need('X-Amz-SignedHeaders').toLowerCase().split(';'),
    signature: need('X-Amz-Signature'),
    payloadHash: single(query, 'X-Amz-Content-Sha256') ?? header(request, 'x-amz-content-sha256') ?? unsigned,
    expires,
  };
}

function parseCredential(asked: string, credential: string, inQuery = false) {
  const [accessKeyId, day, region, service, terminator, ...rest] = credential.split('/');
  if (!accessKeyId || !day || !region || !service || terminator !== 'aws4_request' || rest.length > 0) {
    throw malformed(asked, 'Credential must be <key>/<date>/<region>/<service>/aws4_request', inQuery);
  }
  return { accessKeyId, day, region, service };
}

/** Decoded parameters. */
export type Query = Record<string, string | string[]>;

/** Decodes a query as signatures want it: `+` is a plus. */
export function parseQuery(search: string): Query {
  // Without a prototype: a parameter may be called `__proto__`.
  const query: Query = Object.create(null);
  for (const pair of search === '' ? [] : search.split('&')) {
    const [name = '', value = ''] = split(pair, '=');
    const key = decoded(name);
    const before = query[key];
    const next = decoded(value);
    query[key] = before === undefined ? next : [before, next].flat();
  }
  return query;
}

function single(query: Query, name: string): string | undefined {
  const value = query[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Undoes percent-encoding; throws AWS's error where it is broken. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AwsError('InvalidURI', "Couldn't parse the specified URI.");
  }
}

/** A header as one string. */
export function header(request: Pick<SignedRequest, 'headers'>, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

/** Both sides of the first separator. */
export function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** SHA-256 in hexadecimal digits. */
export function hashOf(body: Uint8Array | undefined): string {
  return createHash('sha256')
    .update(body ?? '')
    .digest('hex');
}

function missingToken(service: string): AwsError {
  return service === 's3'
    ? new AwsError('AccessDenied', 'Access Denied', 403)
    : new AwsError('MissingAuthenticationToken', 'Missing Authentication Token', 403);
}

/** A signature that cannot be read, in the service's own code. */
export function malformed(service: string, why: string, inQuery = false): AwsError {
  if (service !== 's3') return new AwsError('IncompleteSignature', `The request signature is malformed: ${why}`);
  const code = inQuery ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed';
  return new AwsError(code, `The authorization is malformed: ${why}`);
}
