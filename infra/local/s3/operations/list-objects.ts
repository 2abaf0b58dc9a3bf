import { requireOnBucket } from '../access.ts';
import type { BucketRequest, Context, Operation } from '../context.ts';
import { S3Error } from '../errors.ts';
import type { ListingEntry } from '../listing.ts';
import type { ObjectVersion } from '../object-version.ts';
import { isoDate, sendXml } from '../respond.ts';
import { ACCOUNT_ID } from '../settings.ts';
import { element, type Markup, optional } from '../xml.ts';

const PAGE_SIZE = 1000;

/** The parameters that all lists share; `encode` writes a key as the caller asked for it. */
export function listParameters(context: Context, request: BucketRequest, action: string) {
  const { query } = request;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const limit = pageSize(query.get('max-keys') ?? query.get('max-uploads'), 'max-keys');
  requireOnBucket(context, request, action, {
    ...(query.has('prefix') && { 's3:prefix': prefix }),
    ...(query.has('delimiter') && { 's3:delimiter': delimiter }),
    ...(query.has('max-keys') && { 's3:max-keys': String(limit) }),
  });
  const encoding = query.get('encoding-type');
  if (encoding !== undefined && encoding !== 'url') {
    throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request');
  }
  const encode = encoding === 'url' ? urlEncoded : (key: string) => key;
  return { bucket: request.bucket.name, prefix, delimiter, limit, encoding, encode };
}

export function pageSize(text: string | undefined, name: string): number {
  const limit = Number(text ?? PAGE_SIZE);
  if (!Number.isInteger(limit) || limit < 0)
    throw new S3Error('InvalidArgument', `Provided ${name} not an integer or within integer range`);
  return Math.min(limit, PAGE_SIZE);
}

/** As S3 does it: slashes stay. */
function urlEncoded(key: string): string {
  return encodeURIComponent(key)
    .replace(/%2F/g, '/')
    .replace(/[!'()]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

export const listObjectsV2: Operation = (context, request) => {
  const { query } = request;
  const { encoding, encode, ...parameters } = listParameters(context, request, 's3:ListBucket');
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after');
  const after = token === undefined ? (startAfter ?? '') : decodeToken(token);
  const { entries, truncated } =
    parameters.limit === 0 ? { entries: [], truncated: false } : context.listings.objects({ ...parameters, after });
  const last = entries.at(-1);
  sendXml(request, 'ListBucketResult', [
    element('Name', parameters.bucket),
    element('Prefix', encode(parameters.prefix)),
    ...optional('Delimiter', parameters.delimiter === '' ? undefined : encode(parameters.delimiter)),
    element('MaxKeys', parameters.limit),
    ...optional('EncodingType', encoding),
    element('KeyCount', entries.length),
    element('IsTruncated', truncated),
    ...optional('ContinuationToken', token),
    ...optional('NextContinuationToken', truncated && last !== undefined ? encodeToken(nameOf(last)) : undefined),
    ...optional('StartAfter', startAfter === undefined ? undefined : encode(startAfter)),
    ...contents(entries, encode, query.get('fetch-owner') === 'true'),
    ...commonPrefixes(entries, encode),
  ]);
};

/** The older list, which pages by `marker`. */
export const listObjects: Operation = (context, request) => {
  const { encoding, encode, ...parameters } = listParameters(context, request, 's3:ListBucket');
  const marker = request.query.get('marker') ?? '';
  const { entries, truncated } =
    parameters.limit === 0
      ? { entries: [], truncated: false }
      : context.listings.objects({ ...parameters, after: marker });
  const last = entries.at(-1);
  sendXml(request, 'ListBucketResult', [
    element('Name', parameters.bucket),
    element('Prefix', encode(parameters.prefix)),
    element('Marker', encode(marker)),
    ...optional('Delimiter', parameters.delimiter === '' ? undefined : encode(parameters.delimiter)),
    element('MaxKeys', parameters.limit),
    ...optional('EncodingType', encoding),
    element('IsTruncated', truncated),
    ...optional('NextMarker', truncated && last !== undefined ? encode(nameOf(last)) : undefined),
    ...contents(entries, encode, true),
    ...commonPrefixes(entries, encode),
  ]);
};

export function nameOf(entry: ListingEntry): string {
  return 'object' in entry ? entry.object.key : entry.commonPrefix;
}

function contents(entries: readonly ListingEntry[], encode: (key: string) => string, withOwner: boolean): Markup[] {
  return entries.flatMap((entry) => ('object' in entry ? [objectElement(entry.object, encode, withOwner)] : []));
}

function objectElement(version: ObjectVersion, encode: (key: string) => string, withOwner: boolean): Markup {
  const { checksum } = version.attributes;
  return element('Contents', [
    element('Key', encode(version.key)),
    element('LastModified', isoDate(version.lastModified)),
    element('ETag', `"${version.etag}"`),
    ...optional('ChecksumAlgorithm', checksum?.algorithm),
    ...optional('ChecksumType', checksum?.type),
    element('Size', version.size),
    ...(withOwner ? [ownerElement()] : []),
    element('StorageClass', 'STANDARD'),
  ]);
}

export function ownerElement(): Markup {
  return element('Owner', [element('ID', ACCOUNT_ID)]);
}

export function commonPrefixes(entries: readonly ListingEntry[], encode: (key: string) => string): Markup[] {
  return entries.flatMap((entry) =>
    'commonPrefix' in entry ? [element('CommonPrefixes', [element('Prefix', encode(entry.commonPrefix))])] : [],
  );
}

function encodeToken(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url');
}

function decodeToken(token: string): string {
  const key = Buffer.from(token, 'base64url').toString('utf8');
  if (token === '' || encodeToken(key) !== token)
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect');
  return key;
}
