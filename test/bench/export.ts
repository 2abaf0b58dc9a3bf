/**
 * `npm run bench:export [-- --chunks 100000]`: an export of 100,000 chunks while others are written, on a native server and into a bucket
 * whose every request takes a while: how much memory it takes at most, how fast it is, and whether it holds what was there at its
 * beginning. The exporter is a process of its own, with Node's options of the function that exports.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { unzipSync } from 'fflate';
import { maintainNodeOptions } from '../../infra/constructs/service-functions.ts';
import { createAuthorizer } from '../../infra/local/iam/create-authorizer.ts';
import { createS3Server } from '../../infra/local/s3/server.ts';
import { beginExport } from '../../shared/privacy/export-job.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace } from '../support/database-content.ts';
import { exportEngines } from './engines.ts';
import type { ExportCost, ExportOrder } from './export-process.ts';
import { report } from './statistics.ts';

const { values } = parseArgs({ options: { chunks: { type: 'string', default: '100000' } } });
const chunks = Number(values.chunks);
const mostMegabytes = 256;
const bucket = 'exports';
const requestMilliseconds = 50;
const exporter = { name: 'exporter', accessKeyId: 'LOCALEXPORTER', secretAccessKey: 'local-secret' };

interface Bucket {
  /** What the exporter reaches it by. */
  readonly environment: Readonly<Record<string, string>>;
  /** The one archive that is in it: how large it is, and how many lines its chunks are. */
  read(): Promise<{ readonly bytes: number; readonly lines: number }>;
  close(): Promise<void>;
}

async function startBucket(): Promise<Bucket> {
  const directory = await mkdtemp(join(tmpdir(), 'dbrag-export-'));
  const server = createS3Server({
    directory,
    authorizer: createAuthorizer([{ ...exporter, statements: 'administrator' }]),
    notify: () => {},
    log: console.error,
  });
  server.createBucket({ name: bucket });
  server.faults.delayMilliseconds = requestMilliseconds;
  const { url } = await server.listen();
  const client = new S3Client({ region: 'us-east-1', endpoint: url, credentials: exporter });
  return {
    environment: {
      AWS_ENDPOINT_URL_S3: url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: exporter.accessKeyId,
      AWS_SECRET_ACCESS_KEY: exporter.secretAccessKey,
    },
    async read() {
      const { Contents: [object, ...others] = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      if (!object?.Key || others.length > 0) throw new Error('There is not exactly one archive in the bucket.');
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: object.Key }));
      const archive = await Body?.transformToByteArray();
      return { bytes: object.Size ?? 0, lines: archive ? linesOfChunks(archive) : 0 };
    },
    async close() {
      client.destroy();
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}

function linesOfChunks(archive: Uint8Array): number {
  const name = 'tables/chunks.jsonl';
  let lines = 0;
  for (const byte of unzipSync(archive, { filter: (file) => file.name === name })[name] ?? []) if (byte === 10) lines++;
  return lines;
}

type InsertChunks = (from: number, count: number) => Promise<unknown>;

async function prepare({ admin, application }: TestDatabase) {
  const { id: workspaceId } = await createWorkspace(application);
  const collectionId = await createCollection(application, workspaceId);
  const documentId = await createDocument(application, workspaceId, collectionId, { chunks: [{ text: 'First.' }] });
  // Half of it is left when it is compressed, as of prose.
  const insert: InsertChunks = (from, count) =>
    admin.query(
      `INSERT INTO dbrag.chunks (workspace_id, document_id, content_hash, collection_id, token_count, text, search)
       SELECT $1, $2, sha256(int4send(n)), $3, 300, (SELECT string_agg(md5(n::text || word), ' ') FROM generate_series(1, 45) word), ''::tsvector
       FROM generate_series($4::int, $5::int) n`,
      [workspaceId, documentId, collectionId, from, from + count - 1],
    );
  await insert(0, chunks - 1);
  const jobId = await application.inWorkspace({ workspaceId }, (db) =>
    beginExport(db, new Date(), { workspaceId, scope: 'workspace', subject: null, actor: 'bench' }),
  );
  return { workspaceId, jobId, insert };
}

/** Writes chunks for as long as the export takes. @returns what it took, and how many were written */
async function exportMeanwhile(order: ExportOrder, environment: Bucket['environment'], insert: InsertChunks) {
  const child = fork(fileURLToPath(new URL('./export-process.ts', import.meta.url)), [JSON.stringify(order)], {
    env: { ...process.env, ...environment },
    execArgv: maintainNodeOptions.split(' '),
  });
  let cost: ExportCost | undefined;
  child.once('message', (message) => {
    cost = message as ExportCost;
  });
  let isOver = false;
  const exited = once(child, 'exit').finally(() => {
    isOver = true;
  });
  let written = 0;
  // Not before the snapshot was taken: the first rows then are the only ones that it may hold.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  while (!isOver) {
    await insert(chunks + written, 200);
    written += 200;
  }
  const [code] = await exited;
  if (!cost) throw new Error(`The export ended with ${code}`);
  return { ...cost, written };
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`;

await exportEngines('export');
const test = await createTestDatabase();
const place = await startBucket();
try {
  const { workspaceId, jobId, insert } = await prepare(test);
  const order = { databaseUrl: test.maintainerUrl, bucket, workspaceId, jobId };
  const cost = await exportMeanwhile(order, place.environment, insert);
  const { bytes, lines } = await place.read();
  report('lines of the archive, of chunks before it began', `${lines} of ${chunks}`, {
    text: 'all, and none of those after',
    met: lines === chunks,
  });
  report('chunks written meanwhile', String(cost.written));
  report('size of the archive', megabytes(bytes));
  report('export', `${cost.seconds.toFixed(1)} s`);
  report('resident memory before it begins', megabytes(cost.bytesAtFirst));
  report('resident memory at most', megabytes(cost.bytesAtMost), {
    text: `<= ${mostMegabytes} MB`,
    met: cost.bytesAtMost <= mostMegabytes * 1_048_576,
  });
} finally {
  await place.close();
  await test.close();
}
