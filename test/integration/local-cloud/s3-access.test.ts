import { setTimeout as sleep } from 'node:timers/promises';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { createS3Server } from '../../../infra/local/s3/server.ts';
import { refusal, type S3Fixture, startS3 } from './s3-fixture.ts';

const Bucket = 'guarded-bucket';
const Encrypted = 'encrypted-bucket';
const Locked = 'locked-bucket';
const keyArn = 'arn:aws:kms:us-east-1:000000000000:key/one';
const origin = 'https://console.example.com';
let s3: S3Fixture;
let presigner: S3Client;

beforeAll(async () => {
  s3 = await startS3({
    kms: {
      requireUsable(arn) {
        if (arn !== keyArn) throw new Error(`unknown key ${arn}`);
      },
    },
  });
  const rule = {
    allowedMethods: ['PUT', 'GET'],
    allowedOrigins: ['https://*.example.com'],
    allowedHeaders: ['content-*'],
  };
  s3.server.createBucket({ name: Bucket, cors: [{ ...rule, exposedHeaders: ['ETag'], maxAgeSeconds: 600 }] });
  s3.server.createBucket({ name: Encrypted, keyArn });
  s3.server.createBucket({ name: Locked, versioned: true, objectLock: { enabled: true } });
  await s3.administrator.send(new PutObjectCommand({ Bucket, Key: 'uploads/a.txt', Body: 'content' }));
  const { credentials } = s3.administrator.config;
  presigner = new S3Client({
    region: 'us-east-1',
    endpoint: s3.url,
    credentials,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
});

afterAll(async () => {
  presigner.destroy();
  await s3.close();
  expect(s3.logged).toEqual([]);
});

const allow = (Action: string | string[], Resource: string) => ({ Effect: 'Allow', Action, Resource }) as const;
const objects = `arn:aws:s3:::${Bucket}/*`;

test('a missing key is 404 only for those who may list the bucket', async () => {
  const reader = s3.clientOf([allow('s3:GetObject', objects)]);
  const lister = s3.clientOf([allow('s3:GetObject', objects), allow('s3:ListBucket', `arn:aws:s3:::${Bucket}`)]);
  const missing = { Bucket, Key: 'uploads/missing.txt' };
  expect(await refusal(reader.send(new GetObjectCommand(missing)))).toEqual({ name: 'AccessDenied', status: 403 });
  expect((await refusal(reader.send(new HeadObjectCommand(missing)))).status).toBe(403);
  expect(await refusal(lister.send(new GetObjectCommand(missing)))).toEqual({ name: 'NoSuchKey', status: 404 });
  expect((await refusal(lister.send(new HeadObjectCommand(missing)))).status).toBe(404);
  expect((await reader.send(new GetObjectCommand({ Bucket, Key: 'uploads/a.txt' }))).ContentLength).toBe(7);
});

test('each operation asks for its own action on its own resource', async () => {
  const writer = s3.clientOf([allow('s3:PutObject', `arn:aws:s3:::${Bucket}/uploads/*`)]);
  await writer.send(new PutObjectCommand({ Bucket, Key: 'uploads/b.txt', Body: 'x' }));
  const denied = [
    writer.send(new PutObjectCommand({ Bucket, Key: 'elsewhere/b.txt', Body: 'x' })),
    writer.send(new PutObjectCommand({ Bucket, Key: 'uploads/b.txt', Body: 'x', Tagging: 'a=b' })),
    writer.send(new GetObjectCommand({ Bucket, Key: 'uploads/a.txt' })),
    writer.send(new DeleteObjectCommand({ Bucket, Key: 'uploads/a.txt' })),
    writer.send(new ListObjectsV2Command({ Bucket })),
    writer.send(new CopyObjectCommand({ Bucket, Key: 'uploads/c.txt', CopySource: `${Bucket}/uploads/a.txt` })),
  ];
  for (const each of await Promise.all(denied.map(refusal))) {
    expect(each).toEqual({ name: 'AccessDenied', status: 403 });
  }
  expect((await refusal(writer.send(new HeadBucketCommand({ Bucket })))).status).toBe(403);
  const { Errors } = await writer.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'uploads/a.txt' }] } }),
  );
  expect(Errors).toEqual([expect.objectContaining({ Key: 'uploads/a.txt', Code: 'AccessDenied' })]);
});

test('a condition on the prefix narrows a list', async () => {
  const lister = s3.clientOf([
    { ...allow('s3:ListBucket', `arn:aws:s3:::${Bucket}`), Condition: { StringLike: { 's3:prefix': 'uploads/*' } } },
  ]);
  expect((await lister.send(new ListObjectsV2Command({ Bucket, Prefix: 'uploads/' }))).KeyCount).toBeGreaterThan(0);
  expect((await refusal(lister.send(new ListObjectsV2Command({ Bucket })))).status).toBe(403);
});

test('a bucket encrypted by a key needs the key: GenerateDataKey to write, Decrypt to read', async () => {
  const own = allow(['s3:PutObject', 's3:GetObject'], `arn:aws:s3:::${Encrypted}/*`);
  const target = { Bucket: Encrypted, Key: 'x' };
  const without = s3.clientOf([own]);
  const writer = s3.clientOf([own, allow('kms:GenerateDataKey', keyArn)]);
  const reader = s3.clientOf([own, allow('kms:Decrypt', keyArn)]);
  expect((await refusal(without.send(new PutObjectCommand({ ...target, Body: 'x' })))).name).toBe('AccessDenied');
  const written = await writer.send(new PutObjectCommand({ ...target, Body: 'x' }));
  expect(written).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyArn });
  expect(written.ETag).not.toBe('"9dd4e461268c8034f5c8564e155c67a6"');
  expect((await refusal(writer.send(new GetObjectCommand(target)))).name).toBe('AccessDenied');
  expect((await reader.send(new GetObjectCommand(target))).SSEKMSKeyId).toBe(keyArn);
});

test('a wrong secret and an unknown key are 403', async () => {
  for (const [accessKeyId, name] of [
    ['LOCALADMINISTRATOR', 'SignatureDoesNotMatch'],
    ['NOBODY', 'InvalidAccessKeyId'],
  ] as const) {
    const wrong = new S3Client({
      region: 'us-east-1',
      endpoint: s3.url,
      credentials: { accessKeyId, secretAccessKey: 'wrong' },
      maxAttempts: 1,
    });
    expect(await refusal(wrong.send(new ListObjectsV2Command({ Bucket })))).toEqual({ name, status: 403 });
    wrong.destroy();
  }
  const unsigned = await fetch(`${s3.url}/${Bucket}/uploads/a.txt`);
  expect(unsigned.status).toBe(403);
});

async function presignedPut(Key: string, expiresIn = 60): Promise<string> {
  const command = new PutObjectCommand({ Bucket, Key, ContentType: 'text/plain', ContentLength: 5 });
  return getSignedUrl(presigner, command, { expiresIn, signableHeaders: new Set(['content-type', 'content-length']) });
}

const upload = (url: string, body: string, headers: Record<string, string> = { 'content-type': 'text/plain' }) =>
  fetch(url, { method: 'PUT', body, headers });

test('a presigned PUT takes exactly the signed type and length', async () => {
  const url = await presignedPut('uploads/signed.txt');
  expect((await upload(url, 'too long')).status).toBe(403);
  expect((await upload(url, 'hell')).status).toBe(403);
  const otherType = await upload(url, 'hello', { 'content-type': 'text/html' });
  expect(otherType.status).toBe(403);
  expect(await otherType.text()).toContain('<Code>SignatureDoesNotMatch</Code>');
  const widened = await upload(url, 'hello', { 'content-type': 'text/plain', 'x-amz-meta-extra': '1' });
  expect(widened.status).toBe(403);
  expect(
    (await refusal(s3.administrator.send(new HeadObjectCommand({ Bucket, Key: 'uploads/signed.txt' })))).status,
  ).toBe(404);
  const accepted = await upload(url, 'hello');
  expect(accepted.status).toBe(200);
  expect(accepted.headers.get('etag')).toBe('"5d41402abc4b2a76b9719d911017c592"');
  const head = await s3.administrator.send(new HeadObjectCommand({ Bucket, Key: 'uploads/signed.txt' }));
  expect(head).toMatchObject({ ContentType: 'text/plain', ContentLength: 5 });
});

test('a presigned URL is good for one key, one method, and its time', async () => {
  const url = await presignedPut('uploads/one.txt');
  expect((await upload(url.replace('one.txt', 'two.txt'), 'hello')).status).toBe(403);
  expect((await fetch(url)).status).toBe(403);
  expect((await upload(url.replace(/Signature=.{8}/, 'Signature=00000000'), 'hello')).status).toBe(403);
  const short = await presignedPut('uploads/short.txt', 1);
  await sleep(2100);
  const late = await upload(short, 'hello');
  expect(late.status).toBe(403);
  expect(await late.text()).toContain('Request has expired');
});

test('a presigned GET gives the object under the name it was signed for', async () => {
  const command = new GetObjectCommand({
    Bucket,
    Key: 'uploads/a.txt',
    ResponseContentDisposition: 'attachment; filename="b.txt"',
  });
  const response = await fetch(await getSignedUrl(presigner, command, { expiresIn: 60 }));
  expect(await response.text()).toBe('content');
  expect(response.headers.get('content-disposition')).toBe('attachment; filename="b.txt"');
});

test('a browser may do what the CORS rules say', async () => {
  const preflight = (method: string, from = origin, headers = 'content-type') =>
    fetch(`${s3.url}/${Bucket}/uploads/x`, {
      method: 'OPTIONS',
      headers: { origin: from, 'access-control-request-method': method, 'access-control-request-headers': headers },
    });
  const allowed = await preflight('PUT');
  expect(allowed.status).toBe(200);
  expect(Object.fromEntries(allowed.headers)).toMatchObject({
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'PUT, GET',
    'access-control-allow-headers': 'content-type',
    'access-control-max-age': '600',
  });
  expect((await preflight('DELETE')).status).toBe(403);
  expect((await preflight('PUT', 'https://example.org')).status).toBe(403);
  expect((await preflight('PUT', origin, 'x-other')).status).toBe(403);
  const answer = await upload(await presignedPut('uploads/cors.txt'), 'hello', {
    'content-type': 'text/plain',
    origin,
  });
  expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
  expect(answer.headers.get('access-control-expose-headers')).toBe('ETag');
});

test('governance retention keeps a version from all but those who may bypass it and say so', async () => {
  const target = { Bucket: Locked, Key: 'kept' };
  const { VersionId } = await s3.administrator.send(new PutObjectCommand({ ...target, Body: 'x' }));
  const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + 60_000) } as const;
  await s3.administrator.send(new PutObjectRetentionCommand({ ...target, VersionId, Retention }));
  const remover = s3.clientOf([allow('s3:DeleteObjectVersion', `arn:aws:s3:::${Locked}/*`)]);
  const remove = (client: S3Client, BypassGovernanceRetention?: boolean) =>
    client.send(new DeleteObjectCommand({ ...target, VersionId, BypassGovernanceRetention }));
  expect((await refusal(remove(s3.administrator))).name).toBe('AccessDenied');
  expect((await refusal(remove(remover, true))).name).toBe('AccessDenied');
  await s3.administrator.send(new DeleteObjectCommand(target));
  await remove(s3.administrator, true);
  expect((await refusal(s3.administrator.send(new HeadObjectCommand({ ...target, VersionId })))).status).toBe(404);
});

test('compliance retention gives way to nobody', async () => {
  const RetainUntilDate = new Date(Date.now() + 60_000);
  const target = { Bucket: Locked, Key: 'sealed' };
  const { VersionId } = await s3.administrator.send(
    new PutObjectCommand({
      ...target,
      Body: 'x',
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: RetainUntilDate,
    }),
  );
  const remove = new DeleteObjectCommand({ ...target, VersionId, BypassGovernanceRetention: true });
  expect((await refusal(s3.administrator.send(remove))).name).toBe('AccessDenied');
  const shorten = { Mode: 'COMPLIANCE', RetainUntilDate: new Date(Date.now() + 30_000) } as const;
  expect(
    (await refusal(s3.administrator.send(new PutObjectRetentionCommand({ ...target, Retention: shorten })))).name,
  ).toBe('AccessDenied');
});

test('a second server cannot open the directory of the first', async () => {
  const second = { directory: s3.directory, authorizer: createAuthorizer(), notify: () => {}, log: () => {} };
  expect(() => createS3Server(second)).toThrow(/locked/);
});
