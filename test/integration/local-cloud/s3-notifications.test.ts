import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { smallBody } from '../../../infra/local/s3/bodies.ts';
import { clockFromNow, refusal, type S3Fixture, startS3 } from './s3-fixture.ts';

const Bucket = 'notifying-bucket';
const queueArn = 'arn:aws:sqs:us-east-1:000000000000:uploads';
const everything = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*', 's3:ObjectTagging:*'];
const clock = clockFromNow();
let failures = 0;
let s3: S3Fixture;

beforeEach(async () => {
  failures = 0;
  const delivered: { queueArn: string; body: string }[] = [];
  const notify = (arn: string, body: string) => {
    if (failures-- > 0) throw new Error('The queue is away');
    delivered.push({ queueArn: arn, body });
  };
  s3 = { ...(await startS3({ clock, notify })), delivered };
  s3.server.createBucket({ name: Bucket, versioned: true });
});

afterEach(() => s3.close());

function configure(prefix = '', suffix = '', events = everything) {
  s3.server.configureNotifications(Bucket, [{ id: 'uploads', queueArn, events, prefix, suffix }]);
}

const put = (Key: string, Body = 'hello') => s3.administrator.send(new PutObjectCommand({ Bucket, Key, Body }));

async function records() {
  await s3.server.notificationsDrained();
  return s3.delivered.flatMap(({ body }) => JSON.parse(body).Records ?? []);
}

const names = (all: { eventName: string }[]) => all.map(({ eventName }) => eventName);

test('an event has the shape that AWS documents', async () => {
  configure();
  const { VersionId } = await put('uploads/a b+ü.txt');
  const [record] = await records();
  expect(record).toEqual({
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: 'us-east-1',
    eventTime: new Date(clock.now()).toISOString(),
    eventName: 'ObjectCreated:Put',
    userIdentity: { principalId: 'AWS:administrator' },
    requestParameters: { sourceIPAddress: '127.0.0.1' },
    responseElements: { 'x-amz-request-id': expect.any(String), 'x-amz-id-2': expect.any(String) },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: 'uploads',
      bucket: { name: Bucket, ownerIdentity: { principalId: expect.any(String) }, arn: `arn:aws:s3:::${Bucket}` },
      object: {
        key: 'uploads/a+b%2B%C3%BC.txt',
        size: 5,
        eTag: '5d41402abc4b2a76b9719d911017c592',
        versionId: VersionId,
        sequencer: expect.stringMatching(/^[\dA-F]{18}$/),
      },
    },
  });
});

test('a queue hears a test event when it is configured, and not again for the same configuration', async () => {
  configure();
  configure();
  await s3.server.notificationsDrained();
  expect(s3.delivered.map(({ body }) => JSON.parse(body))).toEqual([
    expect.objectContaining({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket }),
  ]);
  expect(s3.delivered[0]?.queueArn).toBe(queueArn);
});

test('each kind of change has its name, and the sequencer grows', async () => {
  configure();
  const { VersionId } = await put('x');
  await s3.administrator.send(new CopyObjectCommand({ Bucket, Key: 'y', CopySource: `${Bucket}/x` }));
  const Tagging = { TagSet: [{ Key: 'a', Value: 'b' }] };
  await s3.administrator.send(new PutObjectTaggingCommand({ Bucket, Key: 'x', Tagging }));
  await s3.administrator.send(new DeleteObjectCommand({ Bucket, Key: 'x' }));
  await s3.administrator.send(new DeleteObjectCommand({ Bucket, Key: 'x', VersionId }));
  await s3.administrator.send(new DeleteObjectCommand({ Bucket, Key: 'x', VersionId }));
  const all = await records();
  expect(names(all)).toEqual([
    'ObjectCreated:Put',
    'ObjectCreated:Copy',
    'ObjectTagging:Put',
    'ObjectRemoved:DeleteMarkerCreated',
    'ObjectRemoved:Delete',
  ]);
  const sequencers = all.map((record) => record.s3.object.sequencer);
  expect(sequencers).toEqual(sequencers.toSorted());
  expect(new Set(sequencers).size).toBe(5);
});

test('prefix, suffix and event type choose', async () => {
  configure('uploads/', '.txt', ['s3:ObjectCreated:Put']);
  await put('uploads/yes.txt');
  await put('uploads/no.pdf');
  await put('content/no.txt');
  await s3.administrator.send(new DeleteObjectCommand({ Bucket, Key: 'uploads/yes.txt' }));
  expect((await records()).map((record) => record.s3.object.key)).toEqual(['uploads/yes.txt']);
});

test('a write that is refused tells nobody', async () => {
  configure();
  await put('once');
  await refusal(s3.administrator.send(new PutObjectCommand({ Bucket, Key: 'once', Body: 'x', IfNoneMatch: '*' })));
  expect(await records()).toHaveLength(1);
});

test('a queue that is away gets its messages in order when it is back', async () => {
  configure();
  await s3.server.notificationsDrained();
  failures = 3;
  for (const key of ['1', '2', '3']) await put(key);
  for (let tries = 0; tries < 6; tries++) await clock.advance(10_000);
  expect((await records()).map((record) => record.s3.object.key)).toEqual(['1', '2', '3']);
});

test('faults: doubled, delayed and out of order', async () => {
  configure();
  await s3.server.notificationsDrained();
  s3.server.faults.notificationDuplicateRate = 1;
  await put('doubled');
  expect(await records()).toHaveLength(2);
  s3.server.faults.notificationDuplicateRate = 0;
  s3.server.faults.notificationDelayMilliseconds = 60_000;
  s3.server.faults.notificationReorderWindow = 10;
  const draws = [0.9, 0.5, 0.1];
  s3.server.faults.random = () => draws.shift() ?? 0;
  for (const key of ['1', '2', '3']) await put(key);
  await clock.advance(59_000);
  expect(s3.delivered).toHaveLength(3);
  await clock.advance(2_000);
  expect((await records()).slice(2).map((record) => record.s3.object.key)).toEqual(['3', '2', '1']);
});

test('faults: SlowDown and a body that breaks off, for the operations and keys that are named', async () => {
  await put('hit', 'x'.repeat(100_000));
  Object.assign(s3.server.faults, { slowDownRate: 1, operations: ['GetObject'], keyPrefix: 'hit' });
  expect(await refusal(s3.administrator.send(new GetObjectCommand({ Bucket, Key: 'hit' })))).toEqual({
    name: 'SlowDown',
    status: 503,
  });
  await put('hit', 'y'.repeat(100_000));
  Object.assign(s3.server.faults, { slowDownRate: 0, truncatedBodyRate: 1 });
  const { Body, ContentLength } = await s3.administrator.send(new GetObjectCommand({ Bucket, Key: 'hit' }));
  expect(ContentLength).toBe(100_000);
  await expect(Body?.transformToByteArray()).rejects.toThrow(/aborted/);
});

test.each([
  ['small', 1_000],
  ['large', 1_000_000],
])('a sender that leaves in the middle of a %s body stores nothing', async (_, bytes) => {
  const { credentials } = s3.administrator.config;
  const presigner = new S3Client({
    region: 'us-east-1',
    endpoint: s3.url,
    credentials,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  const url = new URL(await getSignedUrl(presigner, new PutObjectCommand({ Bucket, Key: 'half' }), { expiresIn: 60 }));
  const unfinished = () => readdirSync(join(s3.directory, 'unfinished'));
  const sender = request(url, { method: 'PUT', headers: { 'content-length': String(bytes) } });
  const left = new Promise((resolve) => sender.once('error', resolve));
  sender.write('only the beginning');
  await new Promise((resolve) => setTimeout(resolve, 50));
  // A small body is on disk only when it is whole.
  if (bytes > smallBody) await expect.poll(unfinished).toHaveLength(1);
  sender.destroy(new Error('gone'));
  await left;
  await expect.poll(unfinished).toEqual([]);
  expect(readdirSync(join(s3.directory, 'bodies'), { recursive: true })).toEqual([]);
  expect((await refusal(s3.administrator.send(new GetObjectCommand({ Bucket, Key: 'half' })))).name).toBe('NoSuchKey');
  presigner.destroy();
});
