import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  KMSClient,
  ReEncryptCommand,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { createKmsServer, type KmsServer } from '../../../infra/local/kms/server.ts';

const authorizer = createAuthorizer();
const administrator = authorizer.issueAccessKey('administrator', 'administrator');
const log: string[] = [];
let directory: string;
let server: KmsServer;
let kms: KMSClient;
let arn: string;
let otherArn: string;

async function start(): Promise<void> {
  server = createKmsServer({ directory, authorizer, log: (message) => void log.push(message) });
  arn = server.createKey({ id: 'key-one', aliases: ['alias/documents'] }).arn;
  otherArn = server.createKey({ id: 'key-two' }).arn;
  kms = new KMSClient({
    region: 'us-east-1',
    endpoint: await server.listen(),
    credentials: administrator,
    maxAttempts: 1,
  });
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dbrag-kms-'));
  await start();
});

afterAll(async () => {
  kms.destroy();
  await server.close();
  await rm(directory, { recursive: true });
  expect(log).toEqual([]);
});

const encrypt = (KeyId: string, text: string, EncryptionContext?: Record<string, string>) =>
  kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from(text), EncryptionContext }));

async function decrypt(
  CiphertextBlob: Uint8Array | undefined,
  EncryptionContext?: Record<string, string>,
  KeyId?: string,
) {
  const { Plaintext } = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext, KeyId }));
  return Buffer.from(Plaintext ?? []).toString();
}

test('what was encrypted is decrypted, under any name of the key, whatever the order of the context', async () => {
  for (const name of ['key-one', arn, 'alias/documents', 'arn:aws:kms:us-east-1:000000000000:alias/documents']) {
    const { CiphertextBlob, KeyId } = await encrypt(name, 'secret', { a: '1', b: '2' });
    expect(KeyId).toBe(arn);
    expect(await decrypt(CiphertextBlob, { b: '2', a: '1' })).toBe('secret');
  }
});

test('another context, another key or a changed blob is refused', async () => {
  const { CiphertextBlob = new Uint8Array() } = await encrypt(arn, 'secret', { tenant: 'one' });
  await expect(decrypt(CiphertextBlob, { tenant: 'two' })).rejects.toThrow(
    expect.objectContaining({ name: 'InvalidCiphertextException' }),
  );
  await expect(decrypt(CiphertextBlob)).rejects.toThrow(
    expect.objectContaining({ name: 'InvalidCiphertextException' }),
  );
  await expect(decrypt(CiphertextBlob, { tenant: 'one' }, otherArn)).rejects.toThrow(
    expect.objectContaining({ name: 'IncorrectKeyException' }),
  );
  const changed = Uint8Array.from(CiphertextBlob);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  await expect(decrypt(changed, { tenant: 'one' })).rejects.toThrow(
    expect.objectContaining({ name: 'InvalidCiphertextException' }),
  );
});

test('a data key comes plain and sealed', async () => {
  const { Plaintext, CiphertextBlob } = await kms.send(new GenerateDataKeyCommand({ KeyId: arn, KeySpec: 'AES_256' }));
  expect(Plaintext).toHaveLength(32);
  const opened = await kms.send(new DecryptCommand({ CiphertextBlob }));
  expect(Buffer.from(opened.Plaintext ?? [])).toEqual(Buffer.from(Plaintext ?? []));
});

test('a blob moves to another key without showing itself', async () => {
  const { CiphertextBlob } = await encrypt(arn, 'moved', { a: '1' });
  const moved = await kms.send(
    new ReEncryptCommand({ CiphertextBlob, SourceEncryptionContext: { a: '1' }, DestinationKeyId: otherArn }),
  );
  expect(moved).toMatchObject({ KeyId: otherArn, SourceKeyId: arn });
  expect(await decrypt(moved.CiphertextBlob)).toBe('moved');
});

test('a missing key, a disabled key', async () => {
  await expect(encrypt('nowhere', 'x')).rejects.toThrow(expect.objectContaining({ name: 'NotFoundException' }));
  const { CiphertextBlob } = await encrypt(otherArn, 'x');
  server.setEnabled(otherArn, false);
  await expect(decrypt(CiphertextBlob)).rejects.toThrow(expect.objectContaining({ name: 'DisabledException' }));
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: otherArn }));
  expect(KeyMetadata).toMatchObject({ Enabled: false, KeyState: 'Disabled', Arn: otherArn });
  server.setEnabled(otherArn, true);
});

test('a role may do what its statements say, in the context that they say', async () => {
  const role = authorizer.issueAccessKey('reader', [
    {
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: arn,
      Condition: { StringEquals: { 'kms:EncryptionContext:tenant': 'one' } },
    },
  ]);
  const reader = new KMSClient({
    region: 'us-east-1',
    endpoint: kms.config.endpoint,
    credentials: role,
    maxAttempts: 1,
  } as object);
  const mine = await encrypt(arn, 'mine', { tenant: 'one' });
  const theirs = await encrypt(arn, 'theirs', { tenant: 'two' });
  const read = (blob: typeof mine, tenant: string) =>
    reader.send(new DecryptCommand({ CiphertextBlob: blob.CiphertextBlob, EncryptionContext: { tenant } }));
  expect(Buffer.from((await read(mine, 'one')).Plaintext ?? []).toString()).toBe('mine');
  await expect(read(theirs, 'two')).rejects.toThrow(expect.objectContaining({ name: 'AccessDeniedException' }));
  await expect(reader.send(new GenerateDataKeyCommand({ KeyId: arn, KeySpec: 'AES_256' }))).rejects.toThrow(
    /kms:GenerateDataKey/,
  );
  reader.destroy();
});

test('after a restart the keys are the same', async () => {
  const { CiphertextBlob } = await encrypt(arn, 'kept');
  kms.destroy();
  await server.close();
  await start();
  expect(await decrypt(CiphertextBlob)).toBe('kept');
});
