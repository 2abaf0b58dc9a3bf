/**
 * `npm run bench:memory [-- --megabytes 100]`: what ingest-document takes of memory and time for one large text file. Its bundled
 * handler in the local cloud, on native Postgres, gets one upload of each shape. Peak resident memory is that of the function's process
 * and of every process that it starts, as the kernel keeps it (VmHWM), added up; the embedding that follows is not waited for.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { startTestCloud, type TestCloud } from '../support/local-cloud.ts';
import { dropDatabase, startEngines } from './engines.ts';
import { report } from './statistics.ts';

const { values } = parseArgs({ options: { megabytes: { type: 'string', default: '100' } } });
const bytes = Number(values.megabytes) * 1_000_000;
const bars = { megabytes: 512, seconds: 120 };
const pollMilliseconds = 500;

const shapes: readonly (readonly [name: string, type: string, line: string])[] = [
  [
    'Markdown in ASCII',
    'text/markdown',
    'People say, quite often, that 42 things matter. They are right: see the code below.\n\n',
  ],
  [
    'plain text, quotes and CRLF',
    'text/plain',
    'People say — quite “often” — that 42 things matter.\r\nThey are right: see the code below.\r\n\r\n',
  ],
];

function peakMegabytes(processId: number): number {
  const kilobytes = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${processId}/status`, 'utf8'))?.[1]);
  const children = readdirSync(`/proc/${processId}/task`).flatMap((thread) =>
    readFileSync(`/proc/${processId}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return children.reduce((sum, child) => sum + peakMegabytes(child), (kilobytes * 1_024) / 1e6);
}

async function measure(cloud: TestCloud, admin: pg.Client, [name, type, line]: (typeof shapes)[number]): Promise<void> {
  const workspace = await cloud.createWorkspace('memory');
  const { accessKeyId, secretAccessKey } = cloud.administrator;
  const s3 = new S3Client({
    endpoint: cloud.aws.endpoints.S3,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey },
  });
  const Key = `uploads/${workspace.id}/${workspace.collectionId}/large`;
  const Body = Buffer.alloc(bytes, line);
  await s3.send(new PutObjectCommand({ Bucket: cloud.uploadBucket, Key, Body, ContentType: type }));
  let peak = 0;
  const started = await until(async () => (await versions(admin, Key)).find(({ status }) => status !== 'queued'));
  const split = await until(async () => {
    const runner = cloud.lambda.runners.find((each) => each.function.handler.includes('ingest-document'));
    for (const id of runner?.processIds ?? []) peak = Math.max(peak, peakMegabytes(id));
    return (await versions(admin, Key)).find(({ chunks, status }) => chunks > 0 || status === 'failed');
  });
  if (split.status === 'failed') throw new Error(`${name} failed`);
  const seconds = (Date.now() - started.startedAt.getTime()) / 1_000;
  report(`${name}: ${split.chunks} chunks, peak memory`, `${peak.toFixed(0)} MB`, {
    text: `<= ${bars.megabytes} MB`,
    met: peak <= bars.megabytes,
  });
  report(`${name}: from its claim to its rows`, `${seconds.toFixed(1)} s`, {
    text: `<= ${bars.seconds} s, the function's time-out`,
    met: seconds <= bars.seconds,
  });
  s3.destroy();
}

interface Version {
  readonly status: string;
  readonly chunks: number;
  readonly startedAt: Date;
}

async function versions(admin: pg.Client, key: string): Promise<Version[]> {
  const { rows } = await admin.query<Version>(
    `SELECT status, chunks, coalesce(started_at, now()) AS "startedAt" FROM dbrag.document_versions WHERE s3_key = $1`,
    [key],
  );
  return rows;
}

async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, pollMilliseconds));
  }
}

const engines = await startEngines('memory');
await dropDatabase(engines, 'dbrag');
for (const shape of shapes) {
  // A fresh process for each: what one file left behind is not counted for the next.
  const cloud = await startTestCloud({
    stage: 'local',
    databaseUrl: engines.databaseUrl,
    redisUrl: engines.redisUrl,
    concurrency: 1,
  });
  const admin = new pg.Client({ connectionString: cloud.database.adminUrl });
  await admin.connect();
  await measure(cloud, admin, shape);
  await admin.end();
  await cloud.close();
}
process.exit();
