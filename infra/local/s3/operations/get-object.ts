import { pipeline } from 'node:stream/promises';
import { missing, requireKey, requireOnObject } from '../access.ts';
import { smallBody } from '../bodies.ts';
import { byteRange } from '../byte-range.ts';
import { type BucketRequest, type Context, headerOf, type Operation } from '../context.ts';
import { noSuchKey, noSuchVersion, S3Error } from '../errors.ts';
import { concerns, draw } from '../faults.ts';
import type { ObjectVersion } from '../object-version.ts';
import { readConditions } from '../read-conditions.ts';
import { checksumHeaders, encryptionHeaders, httpDate, versionHeaders } from '../respond.ts';

/** GetObject and HeadObject: the same checks and headers, with the bytes or without. */
export const getObject: Operation = async (context, request) => {
  const version = findReadable(context, request);
  requireKey(context, request, 'kms:Decrypt', version.attributes.encryption, version);
  const headers = objectHeaders(context, request, version);
  if (readConditions(request, version) === 'not-modified') {
    const { 'content-length': _, ...rest } = headers;
    request.response.writeHead(304, rest).end();
    return;
  }
  const range = byteRange(request, version);
  const length = range === undefined ? version.size : range.end - range.start + 1;
  request.response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    'content-length': String(length),
    ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${version.size}` }),
  });
  if (request.message.method === 'HEAD' || length === 0) {
    request.response.end();
    return;
  }
  await sendBody(context, request, version, range);
};

/** The current version, or the one that is asked for. Throws what AWS says to this caller when there is none. */
export function findReadable(context: Context, request: BucketRequest, actions = READ_ACTIONS): ObjectVersion {
  const versionId = request.query.get('versionId');
  const action = versionId === undefined ? actions.current : actions.version;
  requireOnObject(context, request, action);
  if (versionId === undefined) {
    const version = context.objects.current(request.bucket.name, request.key);
    if (version !== undefined && !version.deleteMarker) return version;
    const headers = version === undefined ? {} : { 'x-amz-delete-marker': 'true', ...versionHeaders(context, version) };
    throw missing(context, request, noSuchKey(request.key, headers), action);
  }
  const version = context.objects.version(request.bucket.name, request.key, versionId);
  if (version === undefined) throw missing(context, request, noSuchVersion(request.key, versionId), action);
  if (version.deleteMarker) {
    throw new S3Error(
      'MethodNotAllowed',
      'The specified method is not allowed against this resource.',
      { Method: 'GET' },
      {
        'x-amz-delete-marker': 'true',
        'last-modified': httpDate(version.lastModified),
        allow: 'DELETE',
      },
    );
  }
  return version;
}

const READ_ACTIONS = { current: 's3:GetObject', version: 's3:GetObjectVersion' };

const OVERRIDES = [
  'content-type',
  'content-language',
  'expires',
  'cache-control',
  'content-disposition',
  'content-encoding',
];

function objectHeaders(context: Context, request: BucketRequest, version: ObjectVersion): Record<string, string> {
  const { attributes, tags, retention, legalHold } = version;
  const metadata = Object.entries(attributes.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value] as const);
  const overrides = OVERRIDES.flatMap((name) => {
    const value = request.query.get(`response-${name}`);
    return value === undefined ? [] : [[name, value] as const];
  });
  const wantsChecksum = headerOf(request, 'x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  const whole = headerOf(request, 'range') === undefined && request.query.get('partNumber') === undefined;
  return {
    'accept-ranges': 'bytes',
    etag: `"${version.etag}"`,
    'last-modified': httpDate(version.lastModified),
    'content-length': String(version.size),
    ...attributes.headers,
    ...Object.fromEntries(overrides),
    ...Object.fromEntries(metadata),
    ...versionHeaders(context, version),
    ...encryptionHeaders(version),
    ...(wantsChecksum && whole && checksumHeaders(version)),
    ...(Object.keys(tags).length > 0 && { 'x-amz-tagging-count': String(Object.keys(tags).length) }),
    ...(retention && {
      'x-amz-object-lock-mode': retention.mode,
      'x-amz-object-lock-retain-until-date': new Date(retention.until).toISOString(),
    }),
    ...(legalHold && { 'x-amz-object-lock-legal-hold': 'ON' }),
    ...(attributes.partSizes && { 'x-amz-mp-parts-count': String(attributes.partSizes.length) }),
  };
}

async function sendBody(
  context: Context,
  request: BucketRequest,
  version: ObjectVersion,
  range: { start: number; end: number } | undefined,
): Promise<void> {
  const { faults, bodies } = context;
  if (version.bodyId === undefined) throw new Error(`No body for ${version.bucket}/${version.key}`);
  const truncated = concerns(faults, request.operation, request.key) && draw(faults, faults.truncatedBodyRate);
  const { start, end } = range ?? { start: 0, end: version.size - 1 };
  const last = truncated ? start + Math.floor((end - start) / 2) : end;
  if (!truncated && last - start < smallBody) {
    request.response.end(bodies.read(version.bodyId, { start, end: last }));
    return;
  }
  const body = bodies.open(version.bodyId, { start, end: last });
  if (!truncated) return pipeline(body, request.response);
  await pipeline(body, request.response, { end: false });
  request.message.socket.destroySoon();
}
