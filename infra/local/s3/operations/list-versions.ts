import type { Operation } from '../context.ts';
import type { ListingEntry } from '../listing.ts';
import type { ObjectVersion } from '../object-version.ts';
import { isoDate, sendXml } from '../respond.ts';
import { element, type Markup, optional } from '../xml.ts';
import { commonPrefixes, listParameters, nameOf, ownerElement } from './list-objects.ts';

export const listObjectVersions: Operation = (context, request) => {
  const { encoding, encode, ...parameters } = listParameters(context, request, 's3:ListBucketVersions');
  const keyMarker = request.query.get('key-marker') ?? '';
  const versionIdMarker = request.query.get('version-id-marker');
  const afterRank = versionIdMarker
    ? rankOf(context.objects.version(parameters.bucket, keyMarker, versionIdMarker))
    : undefined;
  const { entries, truncated } =
    parameters.limit === 0
      ? { entries: [], truncated: false }
      : context.listings.versions({ ...parameters, after: keyMarker, ...(afterRank !== undefined && { afterRank }) });
  const last = entries.at(-1);
  sendXml(request, 'ListVersionsResult', [
    element('Name', parameters.bucket),
    element('Prefix', encode(parameters.prefix)),
    element('KeyMarker', encode(keyMarker)),
    element('VersionIdMarker', versionIdMarker ?? ''),
    ...optional('Delimiter', parameters.delimiter === '' ? undefined : encode(parameters.delimiter)),
    element('MaxKeys', parameters.limit),
    ...optional('EncodingType', encoding),
    element('IsTruncated', truncated),
    ...(truncated && last !== undefined ? nextMarkers(last, encode) : []),
    ...entries.flatMap((entry) => ('object' in entry ? [versionElement(entry.object, encode)] : [])),
    ...commonPrefixes(entries, encode),
  ]);
};

/** A marker that was deleted since (as by one who empties the bucket page by page) restarts its key, so that nothing is passed over. */
function rankOf(version: ObjectVersion | undefined): number {
  return version?.rank ?? Number.MAX_SAFE_INTEGER;
}

function nextMarkers(last: ListingEntry, encode: (key: string) => string): Markup[] {
  const markers = [element('NextKeyMarker', encode(nameOf(last)))];
  return 'object' in last ? [...markers, element('NextVersionIdMarker', last.object.versionId)] : markers;
}

function versionElement(version: ObjectVersion, encode: (key: string) => string): Markup {
  const place = [
    element('Key', encode(version.key)),
    element('VersionId', version.versionId),
    element('IsLatest', version.latest),
    element('LastModified', isoDate(version.lastModified)),
  ];
  if (version.deleteMarker) return element('DeleteMarker', [...place, ownerElement()]);
  return element('Version', [
    ...place,
    element('ETag', `"${version.etag}"`),
    element('Size', version.size),
    ownerElement(),
    element('StorageClass', 'STANDARD'),
  ]);
}
