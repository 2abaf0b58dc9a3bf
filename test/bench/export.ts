/**
 * `npm run bench:export`: an export of 100,000 chunks while others are written, on a native server: how much memory it takes at most, how
 * fast it is, and whether it holds what was there at its beginning. The process that is measured does nothing else.
 */
import { fork } from 'node:child_process';
import { Unzip, UnzipInflate } from 'fflate';
import { systemClock } from '../../shared/core/clock.ts';
import { noFailpoint } from '../../shared/core/failpoint.ts';
import type { ObjectStore } from '../../shared/core/object-store.ts';
import { beginExport } from '../../shared/privacy/export-job.ts';
import { runExport } from '../../shared/privacy/run-export.ts';
import { createTestDatabase, openTestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace } from '../support/database-content.ts';
import { exportEngines } from './engines.ts';
import { report } from './statistics.ts';

const chunks = Number(process.env.CHUNKS ?? 100_000);
const mostMegabytes = 256;

interface Order {
  readonly url: string;
  readonly workspaceId: string;
  readonly jobId: string;
}

/** A bucket that keeps nothing but what the test asks of the archive: lines of chunks, and how large it is. */
function sink(told: { lines: number; bytes: number }): ObjectStore {
  const unzip = new Unzip((file) => {
    if (file.name !== 'tables/chunks.jsonl') return;
    file.ondata = (_error, data) => {
      for (const byte of data) if (byte === 10) told.lines++;
    };
    file.start();
  });
  unzip.register(UnzipInflate);
  const store: Partial<ObjectStore> = {
    beginUpload: async () => ({
      async write(part) {
        told.bytes += part.length;
        for (let start = 0; start < part.length; start += 65_536) unzip.push(part.slice(start, start + 65_536));
        await new Promise((resolve) => setTimeout(resolve, 50));
      },
      complete: async () => {},
      abort: async () => {},
    }),
    stream: async () => undefined,
  };
  return store as ObjectStore;
}

async function measure({ url, workspaceId, jobId }: Order): Promise<void> {
  const database = openTestDatabase(url);
  const told = { lines: 0, bytes: 0 };
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  const ports = {
    database,
    objects: sink(told),
    queue: { send: async () => 1, depth: async () => 0 },
    clock: systemClock,
    failpoint: noFailpoint,
    keys: null,
  };
  const started = performance.now();
  await runExport(ports, workspaceId, jobId, () => true);
  const seconds = (performance.now() - started) / 1_000;
  clearInterval(watch);
  await database.close();
  process.send?.({ ...told, seconds, megabytes: most / 1_048_576 });
}

async function main(): Promise<void> {
  await exportEngines('export');
  const test = await createTestDatabase();
  try {
    const { id: workspaceId } = await createWorkspace(test.application);
    const collectionId = await createCollection(test.application, workspaceId);
    const documentId = await createDocument(test.application, workspaceId, collectionId, {
      chunks: [{ text: 'First.' }],
    });
    const insert = (from: number, count: number) =>
      test.admin.query(
        `INSERT INTO dbrag.chunks (workspace_id, document_id, content_hash, collection_id, token_count, text, search)
         SELECT $1, $2, sha256(int4send(n)), $3, 300, repeat(md5(n::text) || ' herons wade ', 33), ''::tsvector
         FROM generate_series($4::int, $5::int) n`,
        [workspaceId, documentId, collectionId, from, from + count - 1],
      );
    await insert(0, chunks - 1);
    const jobId = await test.application.inWorkspace({ workspaceId }, (db) =>
      beginExport(db, new Date(), { workspaceId, scope: 'workspace', subject: null, actor: 'bench' }),
    );
    const child = fork(new URL(import.meta.url), [
      'measure',
      JSON.stringify({ url: test.maintainerUrl, workspaceId, jobId }),
    ]);
    const done = new Promise<{ lines: number; bytes: number; seconds: number; megabytes: number }>(
      (resolve, reject) => {
        child.once('message', (message) => resolve(message as never));
        child.once('exit', (code) => code !== 0 && reject(new Error(`The export ended with ${code}`)));
      },
    );
    let isOver = false;
    void done.finally(() => {
      isOver = true;
    });
    let written = 0;
    // Not before the snapshot was taken: the first rows then are the only ones that it may hold.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    while (!isOver) {
      await insert(chunks + written, 200);
      written += 200;
    }
    const { lines, bytes, seconds, megabytes } = await done;
    report('lines of the archive, of chunks before it began', `${lines} of ${chunks}`, {
      text: 'all, and none of those after',
      met: lines === chunks,
    });
    report('chunks written meanwhile', String(written));
    report('size of the archive', `${Math.round(bytes / 1_048_576)} MB`);
    report('export', `${seconds.toFixed(1)} s`);
    report('resident memory', `${Math.round(megabytes)} MB`, {
      text: `<= ${mostMegabytes} MB`,
      met: megabytes <= mostMegabytes,
    });
  } finally {
    await test.close();
  }
}

if (process.argv[2] === 'measure') await measure(JSON.parse(process.argv[3] ?? '') as Order);
else await main();
