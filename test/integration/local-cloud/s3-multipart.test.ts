import { randomBytes } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  ListPartsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clockFromNow, refusal, type S3Fixture, startS3 } from './s3-fixture.ts';

const Bucket = 'multipart-bucket';
const DAY = 86_400_000;
const FIVE_MEBIBYTES = 5 * 1024 ** 2;
const clock = clockFromNow();
let s3: S3Fixture;

beforeAll(async () => {
  s3 = await startS3({ clock });
  s3.server.createBucket({ name: Bucket, lifecycle: [{ abortIncompleteMultipartUploadDays: 1 }] });
});

afterAll(async () => {
  await s3.close();
  expect(s3.logged).toEqual([]);
});

async function begin(Key: string, more: object = {}) {
  const { UploadId } = await s3.administrator.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  const target = { Bucket, Key, UploadId };
  const part = async (PartNumber: number, Body: Buffer, more: object = {}) => {
    const { ETag, ChecksumCRC32 } = await s3.administrator.send(
      new UploadPartCommand({ ...target, PartNumber, Body, ...more }),
    );
    return { PartNumber, ETag, ...(ChecksumCRC32 && { ChecksumCRC32 }) };
  };
  const complete = (Parts: object[]) =>
    s3.administrator.send(new CompleteMultipartUploadCommand({ ...target, MultipartUpload: { Parts } }));
  return { target, part, complete };
}

async function read(Key: string, more: object = {}) {
  const got = await s3.administrator.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return { got, bytes: Buffer.from((await got.Body?.transformToByteArray()) ?? []) };
}

test.each(['COMPOSITE', 'FULL_OBJECT'] as const)('parts become one object with a %s checksum', async (ChecksumType) => {
  const { part, complete, target } = await begin('whole', {
    ChecksumAlgorithm: 'CRC32',
    ChecksumType,
    Metadata: { a: 'b' },
  });
  const [first, second] = [randomBytes(FIVE_MEBIBYTES), randomBytes(1000)];
  const parts = [await part(1, randomBytes(10)), await part(3, second)];
  parts[0] = await part(1, first);
  const listed = await s3.administrator.send(new ListPartsCommand(target));
  expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
    [1, first.length],
    [3, 1000],
  ]);
  const completed = await complete(parts);
  expect(completed.ETag).toMatch(/^"[\da-f]{32}-2"$/);
  expect(completed.ChecksumType).toBe(ChecksumType);
  const { got, bytes } = await read('whole', { ChecksumMode: 'ENABLED' });
  expect(bytes.equals(Buffer.concat([first, second]))).toBe(true);
  expect(got.Metadata).toEqual({ a: 'b' });
  expect((await read('whole', { PartNumber: 2 })).bytes.equals(second)).toBe(true);
  expect((await refusal(complete(parts))).name).toBe('NoSuchUpload');
});

test('wrong, unordered and small parts are refused, the upload stays', async () => {
  const { part, complete, target } = await begin('picky');
  const [one, two] = [await part(1, randomBytes(100)), await part(2, randomBytes(100))];
  expect((await refusal(complete([{ ...one, ETag: '"0"' }]))).name).toBe('InvalidPart');
  expect((await refusal(complete([one, { PartNumber: 9, ETag: one.ETag }]))).name).toBe('InvalidPart');
  expect((await refusal(complete([two, one]))).name).toBe('InvalidPartOrder');
  expect((await refusal(complete([one, two]))).name).toBe('EntityTooSmall');
  expect((await refusal(part(0, Buffer.alloc(1)))).name).toBe('InvalidArgument');
  await complete([two]);
  expect((await read('picky')).bytes).toHaveLength(100);
  expect((await refusal(s3.administrator.send(new AbortMultipartUploadCommand(target)))).name).toBe('NoSuchUpload');
});

test('an aborted upload is gone; one forgotten is aborted by the lifecycle', async () => {
  const aborted = await begin('aborted');
  await aborted.part(1, Buffer.alloc(10));
  await s3.administrator.send(new AbortMultipartUploadCommand(aborted.target));
  const forgotten = await begin('forgotten');
  await forgotten.part(1, Buffer.alloc(10));
  const uploads = async () => (await s3.administrator.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? [];
  expect((await uploads()).map(({ Key }) => Key)).toEqual(['forgotten']);
  await clock.advance(2 * DAY);
  await expect.poll(uploads).toEqual([]);
});

test('a part can be a range of another object', async () => {
  await s3.administrator.send(new PutObjectCommand({ Bucket, Key: 'source', Body: '0123456789' }));
  const { target, complete } = await begin('copied');
  const { CopyPartResult } = await s3.administrator.send(
    new UploadPartCopyCommand({
      ...target,
      PartNumber: 1,
      CopySource: `${Bucket}/source`,
      CopySourceRange: 'bytes=2-5',
    }),
  );
  await complete([{ PartNumber: 1, ETag: CopyPartResult?.ETag }]);
  expect((await read('copied')).bytes.toString()).toBe('2345');
});

test('tags are set and read without touching the object', async () => {
  await s3.administrator.send(new PutObjectCommand({ Bucket, Key: 'tagged', Body: 'kept' }));
  const TagSet = [{ Key: 'a b', Value: 'ü&<' }];
  await s3.administrator.send(new PutObjectTaggingCommand({ Bucket, Key: 'tagged', Tagging: { TagSet } }));
  expect((await s3.administrator.send(new GetObjectTaggingCommand({ Bucket, Key: 'tagged' }))).TagSet).toEqual(TagSet);
  const { got, bytes } = await read('tagged');
  expect([got.TagCount, bytes.toString()]).toEqual([1, 'kept']);
});

test('a list with a delimiter, in pages, is complete and in order', async () => {
  const keys = ['l/a', 'l/b/1', 'l/b/2', 'l/b/3', 'l/c', 'l/d/1', 'l/é/1', 'l/\u{ffee}', 'l/😀'];
  for (const Key of keys) await s3.administrator.send(new PutObjectCommand({ Bucket, Key, Body: '' }));
  const seen: (string | undefined)[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput = await s3.administrator.send(
      new ListObjectsV2Command({ Bucket, Prefix: 'l/', Delimiter: '/', MaxKeys: 1, ContinuationToken }),
    );
    seen.push(
      ...(page.Contents ?? []).map(({ Key }) => Key),
      ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
    );
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  expect(seen).toEqual(['l/a', 'l/b/', 'l/c', 'l/d/', 'l/é/', 'l/\u{ffee}', 'l/😀']);
  const after = await s3.administrator.send(new ListObjectsV2Command({ Bucket, Prefix: 'l/', StartAfter: 'l/b/2' }));
  expect(after.Contents?.map(({ Key }) => Key)).toEqual(keys.slice(3));
});
