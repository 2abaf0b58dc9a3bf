import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../shared/adapters/postgres/migrate.ts';
import type { Database } from '../../shared/core/database.ts';
import type { QueueName } from '../../shared/core/work-queue.ts';
import {
  connectionOf,
  createTestDatabase,
  migrationsDirectory,
  type TestDatabase,
  testPasswords,
} from '../support/database.ts';
import { createCollection, createWorkspace } from '../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../support/fake-model-server/server.ts';
import { findDatabaseFaults } from '../support/invariants.ts';
import { IngestionWorld } from './ingestion/ingestion-world.ts';

/** A thousand where a server of its own does the work; the embedded engine serves one transaction at a time. */
const documents = process.env.LOCAL_DATABASE_URL ? 1_000 : 150;
/** A migration waits for a lock no longer than this before it lets everybody pass. */
const longestStall = 2_000;

/** What a release does first: columns, a table, an index, a rule that old code keeps. What it contracts comes with the next. */
const expanding: Readonly<Record<string, string>> = {
  '9990-expand.sql': `ALTER TABLE dbrag.documents ADD COLUMN note text NOT NULL DEFAULT '';
    ALTER TABLE dbrag.document_versions ADD COLUMN note text;
    ALTER TABLE dbrag.chunks ADD COLUMN note text;
    ALTER TABLE dbrag.document_versions ADD CONSTRAINT note_is_short CHECK (length(note) < 100) NOT VALID;
    CREATE TABLE dbrag.notes (workspace_id uuid NOT NULL, id uuid PRIMARY KEY);`,
  '9991-index.sql':
    '-- migrate: outside a transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_by_note ON dbrag.jobs (workspace_id, created_at);',
  '9992-validate.sql': 'ALTER TABLE dbrag.document_versions VALIDATE CONSTRAINT note_is_short;',
};
/** What no release may do. */
const holding = { '9993-hold.sql': 'ALTER TABLE dbrag.documents ADD COLUMN held text; SELECT pg_sleep(3);' };

let test: TestDatabase;
let models: FakeModelServer;
let workspaceId: string;
let collectionId: string;
let slowest = 0;
beforeAll(async () => {
  test = await createTestDatabase();
  models = await startFakeModelServer();
});
beforeEach(async () => {
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});
afterAll(async () => {
  await models?.close();
  await test?.close();
});

/** The application's database, and how long its slowest transaction took: what somebody waits for. */
function timed(database: Database): Database {
  const time = async <T>(work: Promise<T>): Promise<T> => {
    const began = performance.now();
    try {
      return await work;
    } finally {
      slowest = Math.max(slowest, performance.now() - began);
    }
  };
  return {
    inWorkspace: (scope, work) => time(database.inWorkspace(scope, work)),
    inSystem: (work) => time(database.inSystem(work)),
  };
}

/** Every second message as code of before sends it, the others as code that comes after: with members that nobody knows yet. */
function mixReleases(world: IngestionWorld): void {
  const send = world.queue.send.bind(world.queue);
  let count = 0;
  world.queue.send = (queue: QueueName, nudges) =>
    send(
      queue,
      nudges.map((nudge) => {
        const { priority, ...required } = nudge.body as Record<string, unknown>;
        count += 1;
        return { ...nudge, body: count % 2 ? required : { ...required, priority, of_tomorrow: { deep: [1, 2] } } };
      }),
    );
}

interface Load {
  /** What was posted so far. */
  readonly posted: () => number;
  /** Posts and pieces of work that ended in an error; the latter are begun again. */
  readonly failures: () => number;
  /** No more is posted; resolves once everything is worked off. */
  end(): Promise<void>;
}

const crews = { ingest: 2, embed: 2 };
const textOf = (n: number): string => `# Number ${n}\n\n${`Something about number ${n}. `.repeat(40)}`;

/** Documents in the queue, workers on them, and somebody who goes on posting. */
async function beginLoad(): Promise<Load> {
  const world = new IngestionWorld({ database: timed(test.application), modelUrl: models.baseUrl });
  mixReleases(world);
  let posted = 0;
  let isOver = false;
  let failures = 0;
  const failed = async () => {
    failures += 1;
    await sleep(50);
  };
  const post = () => world.post(workspaceId, collectionId, textOf(posted++));
  while (posted < documents) await post();
  const posting = (async () => {
    while (!isOver) await post().catch(failed);
  })();
  const working = (async () => {
    while (!isOver) await world.drain(crews, failed);
  })();
  return {
    posted: () => posted,
    failures: () => failures,
    async end() {
      isOver = true;
      await Promise.all([posting, working]);
      await world.drain(crews, failed);
    },
  };
}

async function unfinished(): Promise<number> {
  const { rows } = await test.admin.query<{ count: string }>(
    `SELECT count(*) FROM dbrag.documents WHERE workspace_id = $1 AND status IN ('queued', 'processing')`,
    [workspaceId],
  );
  return Number(rows[0]?.count);
}

async function migrateWith(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'dbrag-migrations-'));
  try {
    await cp(migrationsDirectory, directory, { recursive: true });
    for (const [name, sql] of Object.entries(files)) await writeFile(join(directory, name), sql);
    const connection = connectionOf(test.adminUrl);
    const settings = { partitions: 4, dimensions: 1_536 };
    return (await migrate({ connection, directory, settings, passwords: testPasswords })).applied;
  } finally {
    await rm(directory, { recursive: true });
  }
}

it('a migration while documents are in flight fails none of them and stalls none for two seconds', async () => {
  const load = await beginLoad();
  slowest = 0;
  await sleep(500);
  const usual = slowest;
  slowest = 0;
  const before = { posted: load.posted(), unfinished: await unfinished() };
  const began = performance.now();
  expect(await migrateWith(expanding)).toEqual(Object.keys(expanding));
  const took = performance.now() - began;
  const during = slowest;
  const after = load.posted();
  await load.end();
  console.log(
    `${load.posted()} documents, ${before.unfinished} in flight when it began, ${after - before.posted} posted during it: migration ${took.toFixed(0)} ms, slowest transaction before it ${usual.toFixed(0)} ms, during it ${during.toFixed(0)} ms`,
  );
  // Else it would have been a migration of a database at rest.
  expect(before.unfinished).toBeGreaterThan(0);
  expect(after).toBeGreaterThan(before.posted);
  expect(load.failures()).toBe(0);
  expect(during).toBeLessThan(longestStall);
  const { rows } = await test.admin.query(
    'SELECT status, count(*)::int AS documents FROM dbrag.documents WHERE workspace_id = $1 GROUP BY status',
    [workspaceId],
  );
  expect(rows).toEqual([{ status: 'ready', documents: load.posted() }]);
  expect(await findDatabaseFaults(test.admin, { workspaceId })).toEqual([]);
}, 300_000);

it('would see a migration that holds its locks for long', async () => {
  const load = await beginLoad();
  slowest = 0;
  await migrateWith({ ...expanding, ...holding });
  const during = slowest;
  await load.end();
  // Who waits for a connection meanwhile is told that the database is busy.
  expect(during > longestStall || load.failures() > 0).toBe(true);
  expect(await unfinished()).toBe(0);
}, 300_000);
