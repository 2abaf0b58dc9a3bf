import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { ObjectStore } from '../../shared/core/object-store.ts';
import type { World } from './world.ts';

/** The bucket's listing, a thousand keys at a time. */
export function objectListing({ s3, cloud }: World): Pick<ObjectStore, 'list'> {
  return {
    async list(prefix, after) {
      const answer = await s3.send(
        new ListObjectsV2Command({
          ...{ Bucket: cloud.uploadBucket, Prefix: prefix },
          ...(after === undefined ? {} : { StartAfter: after }),
        }),
      );
      return (answer.Contents ?? []).map(({ Key, LastModified, Size }) => ({
        key: Key as string,
        bytes: Size ?? 0,
        modifiedAt: LastModified as Date,
      }));
    },
  };
}
