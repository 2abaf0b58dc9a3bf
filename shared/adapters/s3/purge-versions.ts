import type { DeleteMarkerEntry, ObjectIdentifier, ObjectVersion, S3Client } from '@aws-sdk/client-s3';
import { requireDeleted } from './s3-outage.ts';

type Sdk = typeof import('@aws-sdk/client-s3');

export interface PurgeRequest {
  readonly bucket: string;
  readonly prefix: string;
  /** Only these versions, of the key that is the prefix itself, and never the current one. */
  readonly only: readonly string[] | undefined;
}

/** Deletes versions and delete markers by their ids, a listing of 1,000 at a time, until none is left. @returns how many went */
export async function purgeVersions(sdk: Sdk, client: S3Client, request: PurgeRequest): Promise<number> {
  const { bucket: Bucket, prefix: Prefix } = request;
  let place: { KeyMarker?: string; VersionIdMarker?: string } = {};
  let removed = 0;
  for (;;) {
    const listed = await client.send(new sdk.ListObjectVersionsCommand({ Bucket, Prefix, ...place }));
    const Objects = wanted(request, listed);
    if (Objects.length > 0) {
      const { Errors } = await client.send(new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      requireDeleted(Errors);
      removed += Objects.length;
    }
    if (!listed.IsTruncated || !listed.NextKeyMarker) return removed;
    place = {
      KeyMarker: listed.NextKeyMarker,
      ...(listed.NextVersionIdMarker ? { VersionIdMarker: listed.NextVersionIdMarker } : {}),
    };
  }
}

interface Listed {
  readonly Versions?: readonly ObjectVersion[] | undefined;
  readonly DeleteMarkers?: readonly DeleteMarkerEntry[] | undefined;
}

function wanted({ prefix, only }: PurgeRequest, { Versions = [], DeleteMarkers = [] }: Listed): ObjectIdentifier[] {
  const all = only
    ? Versions.filter(({ Key, VersionId, IsLatest }) => Key === prefix && !IsLatest && only.includes(VersionId ?? ''))
    : [...Versions, ...DeleteMarkers];
  return all.map(({ Key, VersionId }) => ({ Key, ...(VersionId ? { VersionId } : {}) }));
}
