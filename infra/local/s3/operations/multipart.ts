import { requireKey, requireOnObject } from '../access.ts';
import { parseRange } from '../byte-range.ts';
import { checksumAlgorithmOf } from '../checksums.ts';
import { type BucketRequest, type Context, headerOf, type Operation } from '../context.ts';
import { inTransaction } from '../database.ts';
import { S3Error } from '../errors.ts';
import { incomingObject } from '../incoming-object.ts';
import { type ReceivedBody, storeBody, storeStream } from '../received-body.ts';
import { checksumFields, checksumHeaders, encryptionHeaders, isoDate, sendEmpty, sendXml } from '../respond.ts';
import type { Part, Upload } from '../uploads.ts';
import { element, optional } from '../xml.ts';
import { copySource, openBody } from './copy-object.ts';
import { listParameters, ownerElement, pageSize } from './list-objects.ts';
import { etagOf, requireWrite } from './put-object.ts';

const MOST_PARTS = 10_000;

export const createMultipartUpload: Operation = (context, request) => {
  const now = context.clock.now();
  const incoming = incomingObject(request, now);
  requireWrite(context, request, incoming);
  const algorithm = checksumAlgorithmOf(headerOf(request, 'x-amz-checksum-algorithm') ?? '');
  const asked = headerOf(request, 'x-amz-checksum-type');
  // CRCs of parts can be joined, hashes cannot; CRC64NVME exists only for whole objects.
  const type = asked ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
  if ((type === 'FULL_OBJECT' && algorithm?.startsWith('SHA')) || (type === 'COMPOSITE' && algorithm === 'CRC64NVME')) {
    throw new S3Error(
      'InvalidRequest',
      `The ${type} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
    );
  }
  const checksum =
    algorithm && ({ checksumAlgorithm: algorithm, checksumType: type as 'FULL_OBJECT' | 'COMPOSITE' } as const);
  const upload = context.uploads.create({
    ...incoming,
    attributes: { ...incoming.attributes, ...checksum },
    initiatedAt: now,
  });
  const headers = {
    ...encryptionHeaders(upload),
    ...(algorithm && { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': type }),
  };
  for (const [name, value] of Object.entries(headers)) request.response.setHeader(name, value);
  sendXml(request, 'InitiateMultipartUploadResult', [
    element('Bucket', upload.bucket),
    element('Key', upload.key),
    element('UploadId', upload.uploadId),
  ]);
};

export const uploadPart: Operation = async (context, request) => {
  requireOnObject(context, request, 's3:PutObject');
  const upload = findUpload(context, request);
  requireKey(context, request, 'kms:GenerateDataKey', upload.attributes.encryption, upload);
  const part = await keepPart(context, request, upload, await storeBody(context.bodies, request));
  sendEmpty(request, 200, {
    etag: `"${part.etag}"`,
    ...encryptionHeaders(upload),
    ...(part.checksum && checksumHeaders({ attributes: { ...upload.attributes, checksum: part.checksum } })),
  });
};

export const uploadPartCopy: Operation = async (context, request) => {
  requireOnObject(context, request, 's3:PutObject');
  const upload = findUpload(context, request);
  const source = copySource(context, request);
  requireKey(context, request, 'kms:GenerateDataKey', upload.attributes.encryption, upload);
  const header = headerOf(request, 'x-amz-copy-source-range');
  const range = header === undefined ? undefined : parseRange(header, source.size);
  const { checksumAlgorithm } = upload.attributes;
  const body = await storeStream(context.bodies, openBody(context, source, range), checksumAlgorithm);
  const part = await keepPart(context, request, upload, body);
  for (const [name, value] of Object.entries(encryptionHeaders(upload))) request.response.setHeader(name, value);
  sendXml(request, 'CopyPartResult', [
    element('LastModified', isoDate(part.lastModified)),
    element('ETag', `"${part.etag}"`),
    ...checksumFields(part.checksum),
  ]);
};

/** Makes a stored body the part of its number, unless the upload ended meanwhile. */
async function keepPart(
  context: Context,
  request: BucketRequest,
  upload: Upload,
  { bodyId, size, md5, checksum }: ReceivedBody & { readonly bodyId: string },
): Promise<Part> {
  const number = Number(request.query.get('partNumber'));
  const etag = etagOf(md5, upload.attributes.encryption, bodyId);
  const part: Part = { number, size, etag, bodyId, checksum, lastModified: context.clock.now() };
  try {
    if (!Number.isInteger(number) || number < 1 || number > MOST_PARTS) {
      throw new S3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
    }
    const replaced = inTransaction(context.database, () => {
      findUpload(context, request);
      return context.uploads.putPart(upload.uploadId, part);
    });
    if (replaced !== undefined) await context.bodies.remove(replaced.bodyId);
    return part;
  } catch (error) {
    await context.bodies.remove(bodyId);
    throw error;
  }
}

export const abortMultipartUpload: Operation = async (context, request) => {
  requireOnObject(context, request, 's3:AbortMultipartUpload');
  const { uploadId } = findUpload(context, request);
  await discardUpload(context, uploadId);
  sendEmpty(request, 204);
};

export async function discardUpload(context: Context, uploadId: string): Promise<void> {
  const parts = inTransaction(context.database, () => {
    const all = context.uploads.parts(uploadId);
    context.uploads.remove(uploadId);
    return all;
  });
  for (const part of parts) await context.bodies.remove(part.bodyId);
}

export const listParts: Operation = (context, request) => {
  requireOnObject(context, request, 's3:ListMultipartUploadParts');
  const upload = findUpload(context, request);
  const limit = pageSize(request.query.get('max-parts'), 'max-parts');
  const marker = Number(request.query.get('part-number-marker') ?? 0);
  const rest = context.uploads.parts(upload.uploadId).filter(({ number }) => number > marker);
  const page = rest.slice(0, limit);
  sendXml(request, 'ListPartsResult', [
    element('Bucket', upload.bucket),
    element('Key', upload.key),
    element('UploadId', upload.uploadId),
    element('PartNumberMarker', marker),
    ...optional('NextPartNumberMarker', page.at(-1)?.number),
    element('MaxParts', limit),
    element('IsTruncated', rest.length > page.length),
    ...optional('ChecksumAlgorithm', upload.attributes.checksumAlgorithm),
    ...optional('ChecksumType', upload.attributes.checksumType),
    ...page.map((part) =>
      element('Part', [
        element('PartNumber', part.number),
        element('LastModified', isoDate(part.lastModified)),
        element('ETag', `"${part.etag}"`),
        element('Size', part.size),
        ...checksumFields(part.checksum),
      ]),
    ),
    ownerElement(),
    element('StorageClass', 'STANDARD'),
  ]);
};

export const listMultipartUploads: Operation = (context, request) => {
  const { bucket, prefix, delimiter, limit, encoding, encode } = listParameters(
    context,
    request,
    's3:ListBucketMultipartUploads',
  );
  if (delimiter !== '') throw new S3Error('NotImplemented', 'ListMultipartUploads takes no delimiter here.');
  const keyMarker = request.query.get('key-marker') ?? '';
  const uploadIdMarker = request.query.get('upload-id-marker');
  const all = context.uploads.inBucket(bucket).filter(({ key }) => key.startsWith(prefix));
  const marked = all.findIndex(({ key, uploadId }) => key === keyMarker && uploadId === uploadIdMarker);
  const rest =
    marked === -1
      ? all.filter(({ key }) => Buffer.compare(Buffer.from(key), Buffer.from(keyMarker)) > 0)
      : all.slice(marked + 1);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const truncated = rest.length > page.length && last !== undefined;
  sendXml(request, 'ListMultipartUploadsResult', [
    element('Bucket', bucket),
    element('KeyMarker', encode(keyMarker)),
    element('UploadIdMarker', uploadIdMarker ?? ''),
    ...(truncated ? [element('NextKeyMarker', encode(last.key)), element('NextUploadIdMarker', last.uploadId)] : []),
    element('Prefix', encode(prefix)),
    ...optional('EncodingType', encoding),
    element('MaxUploads', limit),
    element('IsTruncated', truncated),
    ...page.map((upload) =>
      element('Upload', [
        element('Key', encode(upload.key)),
        element('UploadId', upload.uploadId),
        ownerElement(),
        element('StorageClass', 'STANDARD'),
        element('Initiated', isoDate(upload.initiatedAt)),
      ]),
    ),
  ]);
};

/** The upload that the request names. Throws NoSuchUpload. */
export function findUpload(context: Context, request: BucketRequest): Upload {
  const uploadId = request.query.get('uploadId') ?? '';
  const upload = context.uploads.find(request.bucket.name, request.key, uploadId);
  if (upload !== undefined) return upload;
  throw new S3Error(
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    {
      UploadId: uploadId,
    },
  );
}
