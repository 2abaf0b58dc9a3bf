import { type BucketRequest, headerOf, type S3Request } from './context.ts';
import { S3Error } from './errors.ts';
import { lockHeaders } from './object-lock.ts';
import type { Encryption, NewVersion, Tags } from './object-version.ts';
import { ACCOUNT_ID, type BucketState, REGION } from './settings.ts';
import { parseTagHeader } from './tags.ts';

const STORED_HEADERS = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-amz-website-redirect-location',
];
const LARGEST_METADATA = 2048;

/** What the headers of PutObject and CreateMultipartUpload say of the object to come. */
export function incomingObject(request: BucketRequest, now: number) {
  return {
    bucket: request.bucket.name,
    key: request.key,
    attributes: {
      headers: storedHeaders(request),
      metadata: userMetadata(request),
      encryption: requestedEncryption(request, request.bucket),
    },
    tags: requestedTags(request),
    ...lockHeaders(request, now),
  } satisfies Partial<NewVersion>;
}

function storedHeaders(request: S3Request): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of STORED_HEADERS) {
    const value = headerOf(request, name);
    if (value !== undefined) headers[name] = value;
  }
  // `aws-chunked` describes the way here, not the object.
  const encodings = (headers['content-encoding'] ?? '').split(',').map((encoding) => encoding.trim());
  const kept = encodings.filter((encoding) => encoding !== '' && encoding !== 'aws-chunked');
  if (kept.length > 0) headers['content-encoding'] = kept.join(',');
  else delete headers['content-encoding'];
  headers['content-type'] ??= 'binary/octet-stream';
  return headers;
}

function userMetadata(request: S3Request): Record<string, string> {
  const metadata: Record<string, string> = {};
  let size = 0;
  for (const [name, value] of Object.entries(request.message.headers)) {
    if (!name.startsWith('x-amz-meta-')) continue;
    const text = String(value);
    metadata[name.slice('x-amz-meta-'.length)] = text;
    size += name.length - 'x-amz-meta-'.length + text.length;
  }
  if (size > LARGEST_METADATA) {
    throw new S3Error('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size', {
      Size: String(size),
      MaxSizeAllowed: String(LARGEST_METADATA),
    });
  }
  return metadata;
}

/** The request's own wish, or the bucket's default. */
function requestedEncryption(request: S3Request, bucket: BucketState): Encryption {
  const algorithm = headerOf(request, 'x-amz-server-side-encryption');
  const wantedKey = headerOf(request, 'x-amz-server-side-encryption-aws-kms-key-id');
  if (headerOf(request, 'x-amz-server-side-encryption-customer-algorithm') !== undefined) {
    throw new S3Error('NotImplemented', 'Keys provided by the customer (SSE-C) are not supported here.');
  }
  if (algorithm === 'AES256') return { algorithm };
  if (algorithm !== undefined && algorithm !== 'aws:kms') {
    throw new S3Error('InvalidArgument', 'The encryption method specified is not supported');
  }
  const kmsKeyArn = wantedKey === undefined ? (bucket.keyArn ?? undefined) : keyArnOf(wantedKey);
  if (kmsKeyArn === undefined) return { algorithm: algorithm ?? 'AES256' };
  return { algorithm: 'aws:kms', kmsKeyArn, ...(bucket.bucketKey && { bucketKey: true }) };
}

/** Requests may name a key by its id alone. */
function keyArnOf(name: string): string {
  if (name.startsWith('arn:')) return name;
  return `arn:aws:kms:${REGION}:${ACCOUNT_ID}:${name.startsWith('alias/') ? name : `key/${name}`}`;
}

function requestedTags(request: S3Request): Tags {
  return parseTagHeader(headerOf(request, 'x-amz-tagging') ?? '');
}
