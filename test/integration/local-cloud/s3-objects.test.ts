import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusal, type S3Fixture, startS3 } from './s3-fixture.ts';

const Bucket = 'plain-bucket';
const Versioned = 'versioned-bucket';
let s3: S3Fixture;

beforeAll(async () => {
  s3 = await startS3();
  s3.server.createBucket({ name: Bucket });
  s3.server.createBucket({ name: Versioned, versioned: true });
});

afterAll(async () => {
  await s3.close();
  expect(s3.logged).toEqual([]);
});

const put = (Key: string, Body: string, more: Partial<PutObjectCommandInput> = {}) =>
  s3.administrator.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

async function text(Key: string, more: object = {}): Promise<string> {
  const { Body } = await s3.administrator.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return (await Body?.transformToString()) ?? '';
}

test('an object comes back with its bytes, headers and metadata', async () => {
  const put = await s3.administrator.send(
    new PutObjectCommand({
      Bucket,
      Key: 'report.txt',
      Body: 'hello',
      ContentType: 'text/plain; charset=utf-8',
      CacheControl: 'no-store',
      Metadata: { 'dbrag-title': 'Report' },
    }),
  );
  expect(put.ETag).toBe(`"${createHash('md5').update('hello').digest('hex')}"`);
  expect(put.VersionId).toBeUndefined();
  const got = await s3.administrator.send(new GetObjectCommand({ Bucket, Key: 'report.txt' }));
  expect(await got.Body?.transformToString()).toBe('hello');
  expect(got).toMatchObject({ ContentLength: 5, ContentType: 'text/plain; charset=utf-8', CacheControl: 'no-store' });
  expect(got.Metadata).toEqual({ 'dbrag-title': 'Report' });
  const head = await s3.administrator.send(new HeadObjectCommand({ Bucket, Key: 'report.txt' }));
  expect(head).toMatchObject({ ContentLength: 5, ETag: put.ETag, ServerSideEncryption: 'AES256' });
});

test.each([
  'a b+c&d=e?f#g',
  'emoji 😀/ünïcode/日本',
  '../../../etc/passwd',
  './.././x',
  'a//b/',
  '%41%2f',
  'quote\'"()!*~',
  'tab\tnew\nline',
  'x'.repeat(1024),
])('the key %j is kept as it is and never becomes a path', async (Key) => {
  const before = readdirSync(s3.directory);
  await put(Key, Key);
  expect(await text(Key)).toBe(Key);
  const listed = await s3.administrator.send(new ListObjectsV2Command({ Bucket, Prefix: Key }));
  expect(listed.Contents?.map((each) => each.Key)).toEqual([Key]);
  const encoded = await s3.administrator.send(new ListObjectsV2Command({ Bucket, Prefix: Key, EncodingType: 'url' }));
  expect(decodeURIComponent(encoded.Contents?.[0]?.Key ?? '')).toBe(Key);
  await s3.administrator.send(
    new CopyObjectCommand({ Bucket: Versioned, Key, CopySource: `${Bucket}/${encodeURIComponent(Key)}` }),
  );
  await s3.administrator.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }));
  expect(await refusal(text(Key))).toEqual({ name: 'NoSuchKey', status: 404 });
  expect(readdirSync(s3.directory)).toEqual(before);
  expect(readdirSync(join(s3.directory, '..')).filter((name) => name === 'etc')).toEqual([]);
});

test('a key beyond 1024 bytes is refused', async () => {
  expect(await refusal(put('ü'.repeat(513), ''))).toEqual({ name: 'KeyTooLongError', status: 400 });
});

test('an empty object is an object', async () => {
  await put('empty', '');
  expect(await text('empty')).toBe('');
});

test.each([
  ['bytes=0-3', '0123', 'bytes 0-3/10'],
  ['bytes=7-', '789', 'bytes 7-9/10'],
  ['bytes=-2', '89', 'bytes 8-9/10'],
  ['bytes=5-99', '56789', 'bytes 5-9/10'],
])('the range %s gives %s', async (Range, expected, ContentRange) => {
  await put('digits', '0123456789');
  const got = await s3.administrator.send(new GetObjectCommand({ Bucket, Key: 'digits', Range }));
  expect(got.$metadata.httpStatusCode).toBe(206);
  expect(got.ContentRange).toBe(ContentRange);
  expect(await got.Body?.transformToString()).toBe(expected);
});

test('a range behind the end is 416', async () => {
  await put('digits', '0123456789');
  expect(await refusal(text('digits', { Range: 'bytes=10-' }))).toEqual({ name: 'InvalidRange', status: 416 });
});

test('conditional reads answer 304 and 412', async () => {
  const { ETag } = await put('conditional', 'x');
  expect((await refusal(text('conditional', { IfNoneMatch: ETag }))).status).toBe(304);
  expect((await refusal(text('conditional', { IfMatch: '"other"' }))).status).toBe(412);
  expect((await refusal(text('conditional', { IfModifiedSince: new Date(Date.now() + 10_000) }))).status).toBe(304);
  expect((await refusal(text('conditional', { IfUnmodifiedSince: new Date(0) }))).status).toBe(412);
  expect(await text('conditional', { IfMatch: ETag })).toBe('x');
});

test('If-None-Match: * creates once, even among racers', async () => {
  const attempts = await Promise.allSettled(
    Array.from({ length: 8 }, (_, index) => put('once', `writer ${index}`, { IfNoneMatch: '*' })),
  );
  const refused = attempts.filter((each) => each.status === 'rejected').map((each) => each.reason.name);
  expect(refused).toEqual(Array.from({ length: 7 }, () => 'PreconditionFailed'));
  const winner = attempts.findIndex((each) => each.status === 'fulfilled');
  expect(await text('once')).toBe(`writer ${winner}`);
});

test('If-Match replaces only what was read', async () => {
  const { ETag } = await put('replaced', 'one');
  await put('replaced', 'two', { IfMatch: ETag });
  expect(await refusal(put('replaced', 'three', { IfMatch: ETag }))).toEqual({
    name: 'PreconditionFailed',
    status: 412,
  });
  expect(await refusal(put('never-there', 'x', { IfMatch: ETag }))).toEqual({ name: 'NoSuchKey', status: 404 });
});

test('a Content-MD5 or checksum that does not fit is refused and stores nothing', async () => {
  expect((await refusal(put('wrong', 'x', { ContentMD5: createHash('md5').update('y').digest('base64') }))).name).toBe(
    'BadDigest',
  );
  expect((await refusal(put('wrong', 'x', { ChecksumCRC32: 'AAAAAA==' }))).name).toBe('BadDigest');
  expect((await refusal(text('wrong'))).name).toBe('NoSuchKey');
});

test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
  'a streamed body with a %s trailer is verified and given back',
  async (algorithm) => {
    const chunks = [Buffer.alloc(70_000, 'a'), Buffer.alloc(1, 'b'), Buffer.alloc(130_000, 'c')];
    const written = await s3.administrator.send(
      new PutObjectCommand({
        Bucket,
        Key: 'streamed',
        Body: Readable.from(chunks),
        ContentLength: 200_001,
        ChecksumAlgorithm: algorithm,
      }),
    );
    const got = await s3.administrator.send(new GetObjectCommand({ Bucket, Key: 'streamed', ChecksumMode: 'ENABLED' }));
    expect(got.ContentEncoding).toBeUndefined();
    // The SDK checks the checksum of what it reads against the header.
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? [])).toEqual(Buffer.concat(chunks));
    expect(got[`Checksum${algorithm}`]).toBe(written[`Checksum${algorithm}`]);
    const without = await s3.administrator.send(new HeadObjectCommand({ Bucket, Key: 'streamed' }));
    expect(without[`Checksum${algorithm}`]).toBeUndefined();
  },
);

test('versions: each write adds one, a delete hides them, a version can be read and removed', async () => {
  const send = s3.administrator;
  const ids: (string | undefined)[] = [];
  for (const Body of ['one', 'two'])
    ids.push((await send.send(new PutObjectCommand({ Bucket: Versioned, Key: 'v', Body }))).VersionId);
  const marker = await send.send(new DeleteObjectCommand({ Bucket: Versioned, Key: 'v' }));
  expect(marker.DeleteMarker).toBe(true);
  expect(await refusal(send.send(new GetObjectCommand({ Bucket: Versioned, Key: 'v' })))).toEqual({
    name: 'NoSuchKey',
    status: 404,
  });
  expect(
    (await refusal(send.send(new HeadObjectCommand({ Bucket: Versioned, Key: 'v', VersionId: marker.VersionId }))))
      .status,
  ).toBe(405);
  const old = await send.send(new GetObjectCommand({ Bucket: Versioned, Key: 'v', VersionId: ids[0] }));
  expect(await old.Body?.transformToString()).toBe('one');
  const listed = await send.send(new ListObjectVersionsCommand({ Bucket: Versioned, Prefix: 'v' }));
  expect(listed.Versions?.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])).toEqual([
    [ids[1], false],
    [ids[0], false],
  ]);
  expect(listed.DeleteMarkers?.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])).toEqual([
    [marker.VersionId, true],
  ]);
  await send.send(new DeleteObjectCommand({ Bucket: Versioned, Key: 'v', VersionId: marker.VersionId }));
  await send.send(new DeleteObjectCommand({ Bucket: Versioned, Key: 'v', VersionId: ids[1] }));
  const current = await send.send(new GetObjectCommand({ Bucket: Versioned, Key: 'v' }));
  expect(await current.Body?.transformToString()).toBe('one');
});

test('a copy takes metadata along or replaces it', async () => {
  await put('source', 'body', { Metadata: { from: 'source' }, ContentType: 'text/csv', Tagging: 'a=1&b=2' });
  const CopySource = `${Bucket}/source`;
  await s3.administrator.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource }));
  expect(await s3.administrator.send(new HeadObjectCommand({ Bucket, Key: 'copy' }))).toMatchObject({
    ContentType: 'text/csv',
    Metadata: { from: 'source' },
    TagCount: 2,
  });
  await s3.administrator.send(
    new CopyObjectCommand({ Bucket, Key: 'copy', CopySource, MetadataDirective: 'REPLACE', Metadata: { by: 'me' } }),
  );
  const replaced = await s3.administrator.send(new HeadObjectCommand({ Bucket, Key: 'copy' }));
  expect(replaced.Metadata).toEqual({ by: 'me' });
  expect(
    (await refusal(s3.administrator.send(new CopyObjectCommand({ Bucket, Key: 'source', CopySource })))).name,
  ).toBe('InvalidRequest');
});

test('a bucket that does not exist, an operation that is not offered', async () => {
  expect(await refusal(put('x', 'x', { Bucket: 'nowhere' }))).toEqual({ name: 'NoSuchBucket', status: 404 });
  expect((await refusal(s3.administrator.send(new GetObjectCommand({ Bucket: 'nowhere', Key: 'x' })))).name).toBe(
    'NoSuchBucket',
  );
});
