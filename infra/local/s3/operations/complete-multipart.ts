import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { requireKey, requireOnObject } from '../access.ts';
import {
  CHECKSUM_ALGORITHMS,
  type Checksum,
  checksumElement,
  checksumHeader,
  compositeChecksum,
} from '../checksums.ts';
import { checkWriteConditions, commitVersion, unquoted } from '../commit-version.ts';
import { type BucketRequest, type Context, headerOf, type Operation } from '../context.ts';
import { S3Error } from '../errors.ts';
import { readBody, storeStream } from '../received-body.ts';
import { checksumFields, encryptionHeaders, sendXml, versionHeaders } from '../respond.ts';
import type { Part, Upload } from '../uploads.ts';
import { childrenOf, element, malformedXml, parseXml, textOf, type XmlNode } from '../xml.ts';
import { findUpload } from './multipart.ts';

const SMALLEST_PART = 5 * 1024 ** 2;

export const completeMultipartUpload: Operation = async (context, request) => {
  requireOnObject(context, request, 's3:PutObject');
  const upload = findUpload(context, request);
  requireKey(context, request, 'kms:Decrypt', upload.attributes.encryption, upload);
  let stored = context.uploads.parts(upload.uploadId);
  const parts = chosenParts(await readBody({ ...request, headers: withoutChecksums(request) }), stored);
  checkWriteConditions(context, request);
  const { checksumAlgorithm, checksumType, ...attributes } = upload.attributes;
  const whole = checksumType === 'FULL_OBJECT' ? checksumAlgorithm : undefined;
  const { bodyId, size, checksum } = await storeStream(context.bodies, joined(context, parts), whole);
  const final = checksum ?? composite(upload, parts);
  await checkAnnounced(context, request, final, bodyId);
  const version = await commitVersion(
    context,
    request,
    {
      ...upload,
      attributes: { ...attributes, ...(final && { checksum: final }), partSizes: parts.map((part) => part.size) },
      size,
      etag: multipartEtag(parts),
      bodyId,
    },
    'ObjectCreated:CompleteMultipartUpload',
    () => {
      findUpload(context, request);
      // Once more: a part may have come while the others were joined.
      stored = context.uploads.parts(upload.uploadId);
      context.uploads.remove(upload.uploadId);
    },
  );
  for (const part of stored) await context.bodies.remove(part.bodyId);
  for (const [name, value] of Object.entries({ ...versionHeaders(context, version), ...encryptionHeaders(version) })) {
    request.response.setHeader(name, value);
  }
  sendXml(request, 'CompleteMultipartUploadResult', [
    element('Location', `http://${request.message.headers.host}/${version.bucket}/${encodeURIComponent(version.key)}`),
    element('Bucket', version.bucket),
    element('Key', version.key),
    element('ETag', `"${version.etag}"`),
    ...checksumFields(version.attributes.checksum),
  ]);
};

/** The checksum headers of this request speak of the object, not of the document that lists its parts. */
function withoutChecksums({ headers }: BucketRequest): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('x-amz-checksum-')));
}

/** The parts that the body lists, in its order. Throws InvalidPart, InvalidPartOrder or EntityTooSmall. */
function chosenParts(body: string, stored: readonly Part[]): Part[] {
  const root = parseXml(body);
  const listed = childrenOf(root, 'Part');
  if (root.name !== 'CompleteMultipartUpload' || listed.length === 0) throw malformedXml();
  const byNumber = new Map(stored.map((part) => [part.number, part]));
  const parts = listed.map((node) => chosenPart(node, byNumber));
  if (parts.some((part, index) => index > 0 && part.number <= (parts[index - 1]?.number ?? 0))) {
    throw new S3Error(
      'InvalidPartOrder',
      'The list of parts was not in ascending order. Parts must be ordered by part number.',
    );
  }
  const small = parts.slice(0, -1).find((part) => part.size < SMALLEST_PART);
  if (small !== undefined) {
    throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
      PartNumber: String(small.number),
      ProposedSize: String(small.size),
      MinSizeAllowed: String(SMALLEST_PART),
    });
  }
  return parts;
}

function chosenPart(node: XmlNode, byNumber: ReadonlyMap<number, Part>): Part {
  const part = byNumber.get(Number(textOf(node, 'PartNumber')));
  const announced = CHECKSUM_ALGORITHMS.map(
    (algorithm) => [algorithm, textOf(node, checksumElement(algorithm))] as const,
  );
  const wrong = announced.some(
    ([algorithm, value]) =>
      value !== undefined && (part?.checksum?.algorithm !== algorithm || part.checksum.value !== value),
  );
  if (part === undefined || unquoted(textOf(node, 'ETag') ?? '') !== part.etag || wrong) {
    throw new S3Error(
      'InvalidPart',
      "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    );
  }
  return part;
}

/** The parts' bytes, one after the other, each file open only while it is read. */
function joined(context: Context, parts: readonly Part[]): Readable {
  async function* read() {
    for (const part of parts) {
      if (part.size === 0) continue;
      const stream = context.bodies.open(part.bodyId);
      yield* stream;
      if (!stream.closed) await once(stream, 'close');
    }
  }
  return Readable.from(read(), { objectMode: false });
}

function composite({ attributes }: Upload, parts: readonly Part[]): Checksum | undefined {
  const { checksumAlgorithm: algorithm } = attributes;
  const values = parts.map((part) => (part.checksum?.algorithm === algorithm ? part.checksum?.value : undefined));
  if (algorithm === undefined || values.some((value) => value === undefined)) return undefined;
  return { algorithm, value: compositeChecksum(algorithm, values as string[]), type: 'COMPOSITE' };
}

/** The MD5 of the parts' MD5s with their number, S3's form for a multipart object (opaque for the same reason when parts are). */
function multipartEtag(parts: readonly Part[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(Buffer.from(part.etag, 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}

/** A checksum of the whole object in the headers must be the one that came out. */
async function checkAnnounced(
  context: Context,
  request: BucketRequest,
  final: Checksum | undefined,
  bodyId: string,
): Promise<void> {
  const announced = final && headerOf(request, checksumHeader(final.algorithm));
  if (announced === undefined || announced === final?.value.replace(/-\d+$/, '') || announced === final?.value) return;
  await context.bodies.remove(bodyId);
  throw new S3Error('BadDigest', `The ${final?.algorithm} you specified did not match the calculated checksum.`);
}
