import { createHash } from 'node:crypto';
import { requireKey, requireOnObject } from '../access.ts';
import { checkWriteConditions, commitVersion } from '../commit-version.ts';
import { type BucketRequest, type Context, headerOf, type Operation } from '../context.ts';
import { incomingObject } from '../incoming-object.ts';
import type { Encryption, ObjectVersion } from '../object-version.ts';
import { storeBody } from '../received-body.ts';
import { checksumHeaders, encryptionHeaders, sendEmpty, versionHeaders } from '../respond.ts';

export const putObject: Operation = async (context, request) => {
  const incoming = incomingObject(request, context.clock.now());
  requireWrite(context, request, incoming);
  checkWriteConditions(context, request);
  const { bodyId, size, md5, checksum } = await storeBody(context.bodies, request);
  const version = await commitVersion(
    context,
    request,
    {
      ...incoming,
      attributes: { ...incoming.attributes, ...(checksum && { checksum }) },
      size,
      etag: etagOf(md5, incoming.attributes.encryption, bodyId),
      bodyId,
    },
    'ObjectCreated:Put',
  );
  sendEmpty(request, 200, writtenHeaders(context, version));
};

/** The permissions of everything that the headers of a write ask for. */
export function requireWrite(
  context: Context,
  request: BucketRequest,
  incoming: ReturnType<typeof incomingObject>,
): void {
  requireOnObject(context, request, 's3:PutObject', encryptionConditions(request));
  if (Object.keys(incoming.tags).length > 0) requireOnObject(context, request, 's3:PutObjectTagging');
  if (headerOf(request, 'x-amz-object-lock-mode') !== undefined)
    requireOnObject(context, request, 's3:PutObjectRetention');
  if (headerOf(request, 'x-amz-object-lock-legal-hold') !== undefined)
    requireOnObject(context, request, 's3:PutObjectLegalHold');
  if (headerOf(request, 'if-match') !== undefined) requireOnObject(context, request, 's3:GetObject');
  requireKey(context, request, 'kms:GenerateDataKey', incoming.attributes.encryption, incoming);
}

/** What policies may ask of a write's encryption headers. */
function encryptionConditions(request: BucketRequest): Record<string, string> {
  const algorithm = headerOf(request, 'x-amz-server-side-encryption');
  const key = headerOf(request, 'x-amz-server-side-encryption-aws-kms-key-id');
  return {
    ...(algorithm && { 's3:x-amz-server-side-encryption': algorithm }),
    ...(key && { 's3:x-amz-server-side-encryption-aws-kms-key-id': key }),
  };
}

/** MD5 of the bytes, as long as they are not encrypted with a KMS key: then the ETag is opaque, in AWS too. */
export function etagOf(md5: Buffer, encryption: Encryption, bodyId: string): string {
  return encryption.algorithm === 'AES256'
    ? md5.toString('hex')
    : createHash('md5').update(md5).update(bodyId).digest('hex');
}

function writtenHeaders(context: Context, version: ObjectVersion): Record<string, string> {
  return {
    etag: `"${version.etag}"`,
    ...versionHeaders(context, version),
    ...encryptionHeaders(version),
    ...checksumHeaders(version),
  };
}
