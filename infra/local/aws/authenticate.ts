import type { Authorizer, Principal } from '../iam/authorizer.ts';
import { AwsError } from './aws-error.ts';
import { isSignatureOf } from './signature.ts';
import {
  type Claim,
  decoded,
  hashOf,
  header,
  malformed,
  parseQuery,
  readClaim,
  type SignedRequest,
  split,
} from './signature-claim.ts';

export type { SignedRequest } from './signature-claim.ts';

/** The sender of a request, and the parts that the signature covers. */
export interface Identity {
  readonly principal: Principal;
  /** The signature stood in the query (a presigned URL). */
  readonly presigned: boolean;
  /** Lower case. */
  readonly signedHeaders: readonly string[];
  readonly region: string;
  /** `x-amz-content-sha256` as it was signed: 64 hexadecimal digits, `UNSIGNED-PAYLOAD` or one of the `STREAMING-…` words. */
  readonly payloadHash: string;
}

/** Beyond this difference between the clocks a header signature is refused. */
const LARGEST_SKEW = 15 * 60_000;

/** Verifies the signature, its age and the body's hash. Throws `AwsError` with AWS's code and status. `now`: milliseconds since 1970. */
export async function authenticate(request: SignedRequest, authorizer: Authorizer, now: number): Promise<Identity> {
  const [path = '/', search = ''] = split(request.url, '?');
  const query = parseQuery(search);
  const claim = readClaim(request, query);
  checkScope(request, claim);
  const principal = authorizer.principalOf(claim.accessKeyId);
  if (principal === undefined) throw unknownKey(request.service);
  checkTime(claim, now);
  checkBody(request, claim);
  const content = {
    ...claim,
    method: request.method,
    path: request.service === 's3' ? reencoded(path) : path,
    query,
    headers: pickHeaders(request, claim.signedHeaders),
  };
  if (!(await isSignatureOf(claim.signature, content, principal))) throw signatureMismatch();
  const { signedHeaders, region, payloadHash } = claim;
  const presigned = claim.expires !== undefined;
  return { principal, presigned, signedHeaders, region, payloadHash };
}

function checkScope(request: SignedRequest, claim: Claim): void {
  const inQuery = claim.expires !== undefined;
  if (claim.service !== request.service) {
    throw malformed(request.service, `the credential is scoped to '${claim.service}'`, inQuery);
  }
  if (claim.timestamp.slice(0, 8) !== claim.day) {
    throw malformed(request.service, 'the date of the credential is not that of X-Amz-Date', inQuery);
  }
  if (!claim.signedHeaders.includes('host')) throw malformed(request.service, 'host must be signed', inQuery);
  // An x-amz header that is not signed could be added or changed on the way.
  const loose = Object.keys(request.headers).find(
    (name) => name.startsWith('x-amz-') && name !== 'x-amz-content-sha256' && !claim.signedHeaders.includes(name),
  );
  if (request.service === 's3' && loose !== undefined) {
    throw new AwsError(
      'AccessDenied',
      `There were headers present in the request which were not signed: ${loose}`,
      403,
    );
  }
}

function checkTime({ timestamp, expires }: Claim, now: number): void {
  const signedAt = parseTimestamp(timestamp);
  if (expires !== undefined) {
    if (now > signedAt + expires * 1000) throw new AwsError('AccessDenied', 'Request has expired', 403);
    if (signedAt > now + LARGEST_SKEW) throw new AwsError('AccessDenied', 'Request is not yet valid', 403);
  } else if (!(Math.abs(now - signedAt) <= LARGEST_SKEW)) {
    const message = 'The difference between the request time and the current time is too large.';
    throw new AwsError('RequestTimeTooSkewed', message, 403);
  }
}

function checkBody({ body }: SignedRequest, { payloadHash }: Claim): void {
  if (body === undefined || !/^[0-9a-f]{64}$/.test(payloadHash) || payloadHash === hashOf(body)) return;
  const message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
  throw new AwsError('XAmzContentSHA256Mismatch', message);
}

function pickHeaders(request: SignedRequest, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = header(request, name);
    if (value === undefined) throw signatureMismatch();
    picked[name] = value;
  }
  return picked;
}

/** S3 compares the path in one spelling, however the client wrote its escapes. */
function reencoded(path: string): string {
  return path
    .split('/')
    .map((part) =>
      encodeURIComponent(decoded(part)).replace(
        /[!'()*]/g,
        (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
      ),
    )
    .join('/');
}

function parseTimestamp(timestamp: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  if (match === null)
    throw new AwsError('AccessDenied', 'X-Amz-Date must be in the ISO8601 form YYYYMMDDThhmmssZ', 403);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function unknownKey(service: string): AwsError {
  return service === 's3'
    ? new AwsError('InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.', 403)
    : new AwsError('InvalidClientTokenId', 'The security token included in the request is invalid.', 403);
}

function signatureMismatch(): AwsError {
  const message = 'The request signature we calculated does not match the signature you provided.';
  return new AwsError('SignatureDoesNotMatch', `${message} Check your key and signing method.`, 403);
}
