import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';

const Bucket = 'durable';
const children = new Set<ChildProcess>();
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dbrag-s3-durability-'));
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

async function start() {
  const script = new URL('./s3-process.ts', import.meta.url).pathname;
  const arguments_ = [script, join(directory, 'data'), join(directory, 'deliveries')];
  const child = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const lines = createInterface({ input: child.stdout });
  const nextLine = () =>
    new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      child.once('exit', () => reject(new Error(`The server ended early: ${errors}`)));
    });
  const endpoint = await nextLine();
  const credentials = { accessKeyId: 'LOCALTEST', secretAccessKey: 'local-secret' };
  return {
    client: new S3Client({ region: 'us-east-1', endpoint, credentials, maxAttempts: 1 }),
    async peakMebibytes() {
      const line = nextLine();
      child.kill('SIGUSR2');
      return Number(await line);
    },
    async kill() {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      children.delete(child);
      await exited;
    },
  };
}

interface Delivery {
  readonly Event?: string;
  readonly Records?: readonly {
    readonly eventName: string;
    readonly s3: { readonly object: { readonly key: string; readonly sequencer: string } };
  }[];
}

async function deliveries(): Promise<{ name: string; key: string; sequencer: string }[]> {
  const text = await readFile(join(directory, 'deliveries'), 'utf8').catch(() => '');
  const messages = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Delivery);
  return messages.flatMap(({ Records = [] }) =>
    Records.map(({ eventName, s3: { object } }) => ({ name: eventName, key: object.key, sequencer: object.sequencer })),
  );
}

async function bodyFiles(): Promise<number> {
  const entries = await readdir(join(directory, 'data', 'bodies'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}

test('everything acknowledged outlives SIGKILL: objects, deletes, and the notifications that still waited', async () => {
  const kept = new Map<string, string>();
  const deleted = new Set<string>();
  const doubtful = new Set<string>();
  for (const round of [1, 2]) {
    const { client, kill } = await start();
    let running = true;
    const lane = async (number: number) => {
      for (let count = 0; running; count++) {
        const Key = `round ${round}/lane ${number}/${count}`;
        const Body = Key.repeat(50 + count);
        doubtful.add(Key);
        try {
          await client.send(new PutObjectCommand({ Bucket, Key, Body }));
          kept.set(Key, Body);
          if (count % 5 !== 4) continue;
          kept.delete(Key);
          await client.send(new DeleteObjectCommand({ Bucket, Key }));
          deleted.add(Key);
        } catch (error) {
          if (running) throw error;
        }
      }
    };
    const lanes = [1, 2, 3, 4].map(lane);
    await sleep(700);
    running = false;
    await kill();
    await Promise.all(lanes);
    client.destroy();
  }
  const told = (await deliveries()).length;
  expect(kept.size).toBeGreaterThan(40);
  // Otherwise the kill found nothing waiting, and the test would prove nothing.
  expect(told).toBeLessThan(kept.size + deleted.size * 2);

  // What a kill leaves between the writing of a body and its row, or in the middle of a body.
  await mkdir(join(directory, 'data', 'bodies', 'zz'), { recursive: true });
  await writeFile(join(directory, 'data', 'bodies', 'zz', 'zz-nobody-names-this'), 'orphan');
  await writeFile(join(directory, 'data', 'unfinished', 'half'), 'half');

  const { client, kill } = await start();
  expect(await readdir(join(directory, 'data', 'unfinished'))).toEqual([]);
  const listed = new Set<string>();
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket, ContinuationToken }));
    for (const { Key = '' } of page.Contents ?? []) listed.add(Key);
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  for (const [Key, body] of kept) {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    expect(await Body?.transformToString()).toBe(body);
  }
  for (const key of deleted) expect(listed.has(key)).toBe(false);
  for (const key of listed) expect(doubtful.has(key)).toBe(true);
  expect(await bodyFiles()).toBe(listed.size);

  const wanted = (name: string, keys: Iterable<string>) =>
    [...keys].map((key) => `${name} ${key.replaceAll(' ', '+')}`);
  await expect
    .poll(
      async () => {
        const seen = new Set((await deliveries()).map(({ name, key }) => `${name} ${key}`));
        const all = [
          ...wanted('ObjectCreated:Put', [...kept.keys(), ...deleted]),
          ...wanted('ObjectRemoved:Delete', deleted),
        ];
        return all.filter((each) => !seen.has(each));
      },
      { timeout: 8000 },
    )
    .toEqual([]);
  const firstSeen = [...new Set((await deliveries()).map(({ sequencer }) => sequencer))];
  expect(firstSeen).toEqual(firstSeen.toSorted());
  client.destroy();
  await kill();
}, 20_000);

test('100 MB go in and out without being held in memory', async () => {
  const { client, kill, peakMebibytes } = await start();
  const size = 100 * 1024 ** 2;
  const chunk = Buffer.alloc(1024 ** 2, 'abcdefg');
  const chunks = function* () {
    for (let sent = 0; sent < size; sent += chunk.length) yield chunk;
  };
  await client.send(new PutObjectCommand({ Bucket, Key: 'warm', Body: 'x' }));
  await sleep(50);
  const before = await peakMebibytes();
  await client.send(new PutObjectCommand({ Bucket, Key: 'large', Body: Readable.from(chunks()), ContentLength: size }));
  const hash = createHash('sha256');
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'large' }));
  for await (const piece of Body as Readable) hash.update(piece);
  const expected = createHash('sha256');
  for (const piece of chunks()) expected.update(piece);
  expect(hash.digest('hex')).toBe(expected.digest('hex'));
  expect((await peakMebibytes()) - before).toBeLessThan(60);
  client.destroy();
  await kill();
}, 20_000);
