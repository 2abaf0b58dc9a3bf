import type { IncomingHttpHeaders } from 'node:http';
import type { Query } from './request-target.ts';

/** The name of the operation, as the API reference calls it, or undefined for one that is not offered here. */
export function operationOf(
  method: string,
  bucket: string,
  key: string,
  query: Query,
  headers: IncomingHttpHeaders,
): string | undefined {
  if (bucket === '') return method === 'GET' ? 'ListBuckets' : undefined;
  if (key === '') return bucketOperation(method, query);
  return objectOperation(method, query, headers['x-amz-copy-source'] !== undefined);
}

const BUCKET_READS: Readonly<Record<string, string>> = {
  uploads: 'ListMultipartUploads',
  versions: 'ListObjectVersions',
  location: 'GetBucketLocation',
  versioning: 'GetBucketVersioning',
  encryption: 'GetBucketEncryption',
  cors: 'GetBucketCors',
  notification: 'GetBucketNotificationConfiguration',
  'object-lock': 'GetObjectLockConfiguration',
};

const OBJECT_SUBRESOURCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  tagging: { GET: 'GetObjectTagging', PUT: 'PutObjectTagging', DELETE: 'DeleteObjectTagging' },
  retention: { GET: 'GetObjectRetention', PUT: 'PutObjectRetention' },
  'legal-hold': { GET: 'GetObjectLegalHold', PUT: 'PutObjectLegalHold' },
};

/** Parts of the resource that S3 has and this stand-in has not: without this list they would be taken for plain reads and writes. */
const UNKNOWN_SUBRESOURCES = [
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'intelligent-tiering',
  'inventory',
  'lifecycle',
  'logging',
  'metrics',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'requestPayment',
  'restore',
  'select',
  'torrent',
  'website',
  'renameObject',
];

function bucketOperation(method: string, query: Query): string | undefined {
  if (UNKNOWN_SUBRESOURCES.some((name) => query.has(name)) || query.has('tagging')) return undefined;
  const read = Object.keys(BUCKET_READS).find((name) => query.has(name));
  if (read !== undefined) return method === 'GET' ? BUCKET_READS[read] : undefined;
  switch (method) {
    case 'GET':
      return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
    case 'PUT':
      return 'CreateBucket';
    case 'HEAD':
      return 'HeadBucket';
    case 'DELETE':
      return 'DeleteBucket';
    case 'POST':
      return query.has('delete') ? 'DeleteObjects' : undefined;
    default:
      return undefined;
  }
}

function objectOperation(method: string, query: Query, isCopy: boolean): string | undefined {
  if (UNKNOWN_SUBRESOURCES.some((name) => query.has(name))) return undefined;
  const subresource = Object.keys(OBJECT_SUBRESOURCES).find((name) => query.has(name));
  if (subresource !== undefined) return OBJECT_SUBRESOURCES[subresource]?.[method];
  const inUpload = query.has('uploadId');
  switch (method) {
    case 'GET':
      return inUpload ? 'ListParts' : 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'PUT':
      if (inUpload) return isCopy ? 'UploadPartCopy' : 'UploadPart';
      return isCopy ? 'CopyObject' : 'PutObject';
    case 'DELETE':
      return inUpload ? 'AbortMultipartUpload' : 'DeleteObject';
    case 'POST':
      if (query.has('uploads')) return 'CreateMultipartUpload';
      return inUpload ? 'CompleteMultipartUpload' : undefined;
    default:
      return undefined;
  }
}
