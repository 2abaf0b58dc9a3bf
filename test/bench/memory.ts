/**
 * `npm run bench:memory [-- --megabytes 100] [--shape 0]`: what one large text file takes of memory and time until it is found. The
 * bundled handlers in the local cloud, on native engines, get one upload of each shape. Peak resident memory is that of a
 * function's process and of every process that it starts, as the kernel keeps it (VmHWM), added up. The model answers at once.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { startTestCloud, type TestCloud } from '../support/local-cloud.ts';
import { dropDatabase, startEngines } from './engines.ts';
import { report } from './statistics.ts';

const { values } = parseArgs({ options: { megabytes: { type: 'string', default: '100' }, shape: { type: 'string' } } });
const bytes = Number(values.megabytes) * 1_000_000;
const bars = { megabytes: 512, seconds: 120, statementSeconds: 15 };
/** An embed function that finds nothing more to do for so long has given up. */
const stalledMilliseconds = 180_000;
const pollMilliseconds = 500;

/** Every line is another, so that no text is there twice and each is bought. */
const shapes: readonly (readonly [name: string, type: string, line: (number: number) => string])[] = [
  [
    'Markdown in ASCII',
    'text/markdown',
    (number) => `People say, quite often, that ${number} things matter. They are right: see the code below.\n\n`,
  ],
  [
    'plain text, quotes and CRLF',
    'text/plain',
    (number) =>
      `People say — quite “often” — that ${number} things matter.\r\nThey are right: see the code below.\r\n\r\n`,
  ],
];

function bodyOf(line: (number: number) => string): Buffer {
  const body = Buffer.alloc(bytes, '\n');
  for (let at = 0, number = 0; at < bytes; number += 1) at += body.write(line(number), at) || bytes;
  return body;
}

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
  const Body = bodyOf(line);
  await s3.send(new PutObjectCommand({ Bucket: cloud.uploadBucket, Key, Body, ContentType: type }));
  const peaks = new Map<string, number>();
  const slowest = new Map<string, number>();
  const look = async (): Promise<void> => {
    await watchStatements(admin, slowest);
    for (const name of ['ingest-document', 'embed-chunks']) {
      const runner = cloud.lambda.runners.find((each) => each.function.handler.includes(name));
      for (const id of runner?.processIds ?? []) peaks.set(name, Math.max(peaks.get(name) ?? 0, peakMegabytes(id)));
    }
  };
  const started = await until(async () => (await versions(admin, Key)).find(({ status }) => status !== 'queued'));
  const split = await until(async () => {
    await look();
    return (await versions(admin, Key)).find(({ chunks, status }) => chunks > 0 || status === 'failed');
  });
  if (split.status === 'failed') throw new Error(`${name} failed`);
  const seconds = (Date.now() - started.startedAt.getTime()) / 1_000;
  reportMemory(`${name}: ${split.chunks} chunks, peak memory of ingest-document`, peaks.get('ingest-document'));
  report(`${name}: from its claim to its rows`, `${seconds.toFixed(1)} s`, {
    text: `<= ${bars.seconds} s, the function's time-out`,
    met: seconds <= bars.seconds,
  });
  let last = { embedded: -1, at: Date.now() };
  const end = await until(async () => {
    await look();
    const [version] = await versions(admin, Key);
    if (version && version.embedded !== last.embedded) last = { embedded: version.embedded, at: Date.now() };
    const isStalled = Date.now() - last.at > stalledMilliseconds;
    return version?.status === 'ready' || version?.status === 'failed' || isStalled ? (version ?? split) : undefined;
  });
  const total = (Date.now() - started.startedAt.getTime()) / 1_000;
  reportMemory(`${name}: peak memory of embed-chunks`, peaks.get('embed-chunks'));
  report(`${name}: from its claim to its end`, `${end.status} after ${total.toFixed(1)} s, ${end.embedded} embedded`, {
    text: 'ready',
    met: end.status === 'ready',
  });
  reportStatements(name, slowest);
  s3.destroy();
}

function reportMemory(what: string, peak = 0): void {
  report(what, `${peak.toFixed(0)} MB`, { text: `<= ${bars.megabytes} MB`, met: peak <= bars.megabytes });
}

/** What the functions' statements are at, each with the longest that it was ever seen to run. */
async function watchStatements(admin: pg.Client, slowest: Map<string, number>): Promise<void> {
  const { rows } = await admin.query<{ query: string; seconds: number }>(
    `SELECT regexp_replace(left(query, 90), '\\s+', ' ', 'g') AS query, extract(epoch FROM clock_timestamp() - query_start)::float8 AS seconds
     FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()`,
  );
  for (const { query, seconds } of rows) slowest.set(query, Math.max(slowest.get(query) ?? 0, seconds));
}

function reportStatements(name: string, slowest: ReadonlyMap<string, number>): void {
  for (const [query, seconds] of [...slowest].sort(([, one], [, two]) => two - one).slice(0, 4))
    report(`${name}: ${query}`, `${seconds.toFixed(1)} s`, {
      text: `<= ${bars.statementSeconds} s`,
      met: seconds <= bars.statementSeconds,
    });
}

interface Version {
  readonly status: string;
  readonly embedded: number;
  readonly chunks: number;
  readonly startedAt: Date;
}

async function versions(admin: pg.Client, key: string): Promise<Version[]> {
  const { rows } = await admin.query<Version>(
    `SELECT status, chunks, embedded, coalesce(started_at, now()) AS "startedAt" FROM dbrag.document_versions WHERE s3_key = $1`,
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
for (const shape of shapes.filter((_, i) => values.shape === undefined || i === Number(values.shape))) {
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
