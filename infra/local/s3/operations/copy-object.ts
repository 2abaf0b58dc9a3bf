import type { Readable } from 'node:stream';
import { requireKey } from '../access.ts';
import { type ChecksumAlgorithm, checksumAlgorithmOf } from '../checksums.ts';
import { checkWriteConditions, commitVersion } from '../commit-version.ts';
import { type BucketRequest, type Context, headerOf, type Operation } from '../context.ts';
import { noSuchBucket, preconditionFailed, S3Error } from '../errors.ts';
import { incomingObject } from '../incoming-object.ts';
import type { ObjectVersion } from '../object-version.ts';
import { readConditions } from '../read-conditions.ts';
import { storeStream } from '../received-body.ts';
import { decoded } from '../request-target.ts';
import { checksumFields, encryptionHeaders, isoDate, sendXml, versionHeaders } from '../respond.ts';
import { element } from '../xml.ts';
import { findReadable } from './get-object.ts';
import { etagOf, requireWrite } from './put-object.ts';

const FIVE_GIBIBYTES = 5 * 1024 ** 3;

const SOURCE_CONDITIONS = {
  match: 'x-amz-copy-source-if-match',
  noneMatch: 'x-amz-copy-source-if-none-match',
  modifiedSince: 'x-amz-copy-source-if-modified-since',
  unmodifiedSince: 'x-amz-copy-source-if-unmodified-since',
};

export const copyObject: Operation = async (context, request) => {
  const source = copySource(context, request);
  if (source.size > FIVE_GIBIBYTES) {
    throw new S3Error(
      'InvalidRequest',
      'The specified copy source is larger than the maximum allowable size for a copy source',
    );
  }
  const incoming = copied(request, source, context.clock.now());
  requireWrite(context, request, incoming);
  checkWriteConditions(context, request);
  const algorithm = wantedAlgorithm(request) ?? source.attributes.checksum?.algorithm;
  const { bodyId, size, md5, checksum } = await storeStream(context.bodies, openBody(context, source), algorithm);
  const attributes = { ...incoming.attributes, ...(checksum && { checksum }) };
  const etag = etagOf(md5, attributes.encryption, bodyId);
  const version = await commitVersion(
    context,
    request,
    { ...incoming, attributes, size, etag, bodyId },
    'ObjectCreated:Copy',
  );
  const sourceVersion = versionHeaders(context, source)['x-amz-version-id'];
  if (sourceVersion !== undefined) request.response.setHeader('x-amz-copy-source-version-id', sourceVersion);
  for (const [name, value] of Object.entries({ ...versionHeaders(context, version), ...encryptionHeaders(version) })) {
    request.response.setHeader(name, value);
  }
  sendXml(request, 'CopyObjectResult', [
    element('LastModified', isoDate(version.lastModified)),
    element('ETag', `"${version.etag}"`),
    ...checksumFields(version.attributes.checksum),
  ]);
};

/** Finds the source with the caller's rights on it and checks its conditions. */
export function copySource(context: Context, request: BucketRequest): ObjectVersion {
  const header = headerOf(request, 'x-amz-copy-source') ?? '';
  const [path = '', parameter = ''] = header.split(/\?(?=versionId=)/);
  const [, bucketName = '', encodedKey = ''] = /^\/?([^/]+)\/(.+)$/s.exec(decoded(path)) ?? [];
  if (encodedKey === '')
    throw new S3Error('InvalidArgument', 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey');
  const bucket = context.buckets.find(bucketName)?.settings;
  if (bucket === undefined) throw noSuchBucket(bucketName);
  const versionId = parameter.startsWith('versionId=') ? decoded(parameter.slice('versionId='.length)) : undefined;
  const query = new Map(versionId === undefined ? [] : [['versionId', versionId]]);
  const asReader = { ...request, bucket, bucketName, key: encodedKey, query };
  const source = findReadable(context, asReader);
  requireKey(context, asReader, 'kms:Decrypt', source.attributes.encryption, source);
  if (readConditions(request, source, SOURCE_CONDITIONS) === 'not-modified') {
    throw preconditionFailed('x-amz-copy-source-If-None-Match');
  }
  return source;
}

export function openBody(context: Context, source: ObjectVersion, range?: { start: number; end: number }): Readable {
  if (source.bodyId === undefined) throw new Error(`No body for ${source.bucket}/${source.key}`);
  return context.bodies.open(source.bodyId, range);
}

/** Metadata and tags come from the source unless the request says REPLACE. */
function copied(request: BucketRequest, source: ObjectVersion, now: number): ReturnType<typeof incomingObject> {
  const incoming = incomingObject(request, now);
  const replaces = headerOf(request, 'x-amz-metadata-directive') === 'REPLACE';
  const retags = headerOf(request, 'x-amz-tagging-directive') === 'REPLACE';
  const sameKey = source.bucket === request.bucket.name && source.key === request.key && source.latest;
  if (sameKey && !replaces && headerOf(request, 'x-amz-server-side-encryption') === undefined) {
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  const { headers, metadata } = source.attributes;
  return {
    ...incoming,
    attributes: replaces
      ? incoming.attributes
      : { ...incoming.attributes, headers: { ...headers }, metadata: { ...metadata } },
    tags: retags ? incoming.tags : source.tags,
  };
}

function wantedAlgorithm(request: BucketRequest): ChecksumAlgorithm | undefined {
  const name = headerOf(request, 'x-amz-checksum-algorithm');
  return name === undefined ? undefined : checksumAlgorithmOf(name);
}
