import { DeleteObjectsCommand, ListObjectVersionsCommand, type ObjectIdentifier } from '@aws-sdk/client-s3';
import type { Clients } from './clients.ts';
import { errorName } from './finding.ts';

/**
 * Deletes every version and delete marker of a bucket; a listing of 1,000 at a time, from the front, so that
 * it can be broken off and begun again.
 * @param bypassGovernance also those that are locked, with the right to do so
 * @returns how many went; undefined where there is no such bucket
 * @throws Error naming a version that S3 did not delete
 */
export async function emptyBucket(
  { objects }: Pick<Clients, 'objects'>,
  bucket: string,
  bypassGovernance: boolean,
  onProgress: (removed: number) => void = () => undefined,
): Promise<number | undefined> {
  let removed = 0;
  for (;;) {
    const page = await firstVersions(objects, bucket);
    if (page === undefined) return undefined;
    if (page.length === 0) return removed;
    const { Errors = [] } = await objects.send(
      new DeleteObjectsCommand({
        Bucket: bucket,
        Delete: { Objects: page, Quiet: true },
        ...(bypassGovernance ? { BypassGovernanceRetention: true } : {}),
      }),
    );
    const [first] = Errors;
    if (first) throw new Error(`S3 did not delete ${first.Key} of ${bucket}: ${first.Code} ${first.Message ?? ''}`);
    removed += page.length;
    onProgress(removed);
  }
}

async function firstVersions(objects: Clients['objects'], Bucket: string): Promise<ObjectIdentifier[] | undefined> {
  try {
    const { Versions = [], DeleteMarkers = [] } = await objects.send(new ListObjectVersionsCommand({ Bucket }));
    return [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, ...(VersionId ? { VersionId } : {}) }));
  } catch (error) {
    if (errorName(error) === 'NoSuchBucket') return undefined;
    throw error;
  }
}
