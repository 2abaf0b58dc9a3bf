import { DeleteObjectCommand, ListObjectVersionsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { emptyBucket } from '../../../infra/deploy/empty-bucket.ts';
import { type S3Fixture, startS3 } from './s3-fixture.ts';

const Bucket = 'audit-bucket';
let s3: S3Fixture;
beforeAll(async () => {
  s3 = await startS3();
  s3.server.createBucket({
    name: Bucket,
    versioned: true,
    objectLock: { enabled: true, retention: { mode: 'GOVERNANCE', days: 365 } },
  });
});
afterAll(() => s3.close());

it('empties a bucket of all versions and markers, those under governance included, by whoever may bypass it', async () => {
  const { administrator: objects } = s3;
  for (let at = 0; at < 4; at += 1)
    await objects.send(new PutObjectCommand({ Bucket, Key: `roots/${at % 2}`, Body: String(at) }));
  await objects.send(new DeleteObjectCommand({ Bucket, Key: 'roots/0' }));
  const everything = ['s3:ListBucketVersions', 's3:DeleteObjectVersion', 's3:DeleteObject'];
  const bound = s3.clientOf([{ Effect: 'Allow', Action: everything, Resource: '*' }]);
  await expect(emptyBucket({ objects: bound }, Bucket, true)).rejects.toThrow('S3 did not delete roots/');
  await expect(emptyBucket({ objects }, Bucket, false)).rejects.toThrow('S3 did not delete roots/');
  expect(await emptyBucket({ objects }, Bucket, true)).toBeGreaterThanOrEqual(4);
  const { Versions, DeleteMarkers } = await objects.send(new ListObjectVersionsCommand({ Bucket }));
  expect([...(Versions ?? []), ...(DeleteMarkers ?? [])]).toEqual([]);
  expect(await emptyBucket({ objects }, Bucket, true)).toBe(0);
  expect(await emptyBucket({ objects }, 'no-such-bucket', true)).toBeUndefined();
});
