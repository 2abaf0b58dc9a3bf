import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/core/clock.ts';
import type { Db } from '../../../shared/core/database.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { noFailpoint } from '../../../shared/core/failpoint.ts';
import { beginCollectionDeletion } from '../../../shared/ingestion/delete-collection.ts';
import { beginDeletion } from '../../../shared/ingestion/delete-document.ts';
import { ingestionJobs } from '../../../shared/ingestion/ingestion-jobs.ts';
import { ingestionNudge } from '../../../shared/ingestion/nudge-ingestion.ts';
import { reingestDocument } from '../../../shared/ingestion/reingest-document.ts';
import { runDeletion } from '../../../shared/ingestion/remove-document.ts';
import { removeVersions } from '../../../shared/ingestion/remove-versions.ts';
import { cancelJob, retryJob } from '../../../shared/jobs/change-job.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { findDatabaseFaults } from '../../support/invariants.ts';
import { IngestionWorld, stepsInsideTransactions } from './ingestion-world.ts';

/** How many races are run; `npm run test:races` runs 1,000 on a native server. */
const races = Number(process.env.RACES ?? 8);
const firstSeed = Number(process.env.SEED ?? randomInt(1_000_000));

/** Some hundred times what a race takes on an idle machine. */
const raceMilliseconds = 90_000;

const topics = ['rivers', 'lakes', 'seas', 'ponds', 'springs'];
const steps = [
  'worker.after_receive',
  'worker.after_claim',
  'worker.after_download',
  'worker.after_parse',
  'worker.mid_chunk_insert',
  'worker.before_commit',
  'worker.after_embed_call',
  'worker.after_cache_write',
  'worker.before_swap',
  'worker.after_commit_before_ack',
  'worker.after_send',
] as const;
const actions = [
  'delete',
  'delete',
  'post',
  'post',
  'remove',
  'reingest',
  'cancel',
  'retry',
  'delete collection',
] as const;
type Action = (typeof actions)[number];

/** Something that somebody does just when a worker comes to a step for the n-th time. */
interface Meddling {
  readonly action: Action;
  readonly step: string;
  readonly count: number;
  /** The worker stands still until it is done; else both go on. */
  readonly waits: boolean;
}

/** Park and Miller's minimal standard generator. */
function generator(seed: number): (below: number) => number {
  let state = (seed % 2_147_483_646) + 1;
  const next = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state;
  };
  next();
  return (below) => next() % below;
}

describe('races', () => {
  let test: TestDatabase;
  let database: ReturnType<typeof openTestDatabase>;
  let models: FakeModelServer;
  beforeAll(async () => {
    test = await createTestDatabase();
    database = openTestDatabase(test.applicationUrl, {
      max: test.native ? 12 : 2,
      connectTimeoutMilliseconds: 20_000,
    } as never);
    models = await startFakeModelServer();
  }, 60_000);
  afterAll(async () => {
    await models?.close();
    await database?.close();
    await test?.close();
  });

  /** A race that stands still fails with its seed, what was done, where each worker is, and what the database waits for. */
  async function race(seed: number): Promise<string[]> {
    const standing = new AbortController();
    const world = new IngestionWorld({ database, modelUrl: models.baseUrl });
    const log: string[] = [];
    const expiry = setTimeout(standing.abort.bind(standing), raceMilliseconds);
    const stood = new Promise<never>((_resolve, reject) => {
      standing.signal.addEventListener('abort', async () => {
        const statements = await statementsOf(test.admin).catch(String);
        reject(
          new Error(
            `seed ${seed} stands still: ${log.join(' ')}\n${JSON.stringify({ queue: world.queue.waitingFor, statements }, null, 1)}`,
          ),
        );
      });
    });
    try {
      return await Promise.race([runRace(seed, world, log, standing.signal), stood]);
    } finally {
      clearTimeout(expiry);
    }
  }

  /** One document, a few versions of it, and what comes in between. @returns what was done, for whoever reads a failure */
  async function runRace(seed: number, world: IngestionWorld, log: string[], signal: AbortSignal): Promise<string[]> {
    const random = generator(seed);
    const pick = <Item>(items: readonly Item[]): Item => items[random(items.length)] as Item;
    const { id: workspaceId } = await createWorkspace(database);
    const collectionId = await createCollection(database, workspaceId);
    const inWorkspace = <T>(work: (db: Db) => Promise<T>) => database.inWorkspace({ workspaceId }, work);
    const going: Promise<unknown>[] = [];
    const { objects, queue } = world;
    const ports = { database, objects, queue, clock: systemClock, failpoint: noFailpoint };
    const remove = () => removeVersions(ports, workspaceId, { graceSeconds: 0, hasTime: () => true });
    /** A message whose worker could not reach the database comes again. */
    const runJob = async (jobId: string): Promise<unknown> => {
      try {
        return await runDeletion(ports, workspaceId, jobId, { remainingTime: () => 60_000 });
      } catch (error) {
        if (!(error instanceof DbragError && error.retryable) || signal.aborted) throw error;
        log.push(`deletion again: ${error.message}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        return runJob(jobId);
      }
    };
    const textOf = () =>
      topics
        .filter(() => random(3) > 0)
        .concat('always')
        .map((topic) => `## ${topic}\n\n${`Everything that is known about ${topic} stands here. `.repeat(20)}\n\n`)
        .join('');
    const post = () => world.post(workspaceId, collectionId, textOf(), { sourceUri: 'urn:raced' });
    const documentId = async () => {
      const { rows } = await inWorkspace((db) =>
        db.query<{ id: string }>(`SELECT id FROM dbrag.documents WHERE workspace_id = $1 AND status <> 'deleting'`, [
          workspaceId,
        ]),
      );
      return rows[0]?.id;
    };
    const newestJob = async () => {
      const { rows } = await inWorkspace((db) =>
        db.query<{ id: string }>(
          `SELECT id FROM dbrag.jobs WHERE workspace_id = $1 AND type = 'ingest_document' ORDER BY created_at DESC LIMIT 1`,
          [workspaceId],
        ),
      );
      return rows[0]?.id as string;
    };
    const kinds = { ingest_document: ingestionJobs };
    const act: Record<Action, () => Promise<unknown>> = {
      post,
      remove,
      async delete() {
        const id = await documentId();
        if (!id) return;
        const { jobId } = await inWorkspace((db) => beginDeletion(db, ports, workspaceId, id, 'test'));
        going.push(runJob(jobId));
      },
      async 'delete collection'() {
        const { jobId } = await inWorkspace((db) =>
          beginCollectionDeletion(db, ports, workspaceId, collectionId, 'test'),
        );
        going.push(runJob(jobId));
      },
      async reingest() {
        const id = await documentId();
        if (!id) return;
        const now = new Date();
        const { document, priority } = await inWorkspace((db) =>
          reingestDocument(db, { workspaceId, documentId: id, priority: undefined, createdBy: 'test', now }),
        );
        await queue.send(...nudgeOf({ workspaceId, documentId: id, version: document.version, attempt: 1, priority }));
      },
      async cancel() {
        const jobId = await newestJob();
        await inWorkspace((db) => cancelJob(db, kinds, workspaceId, jobId));
      },
      async retry() {
        const jobId = await newestJob();
        const restarted = await inWorkspace((db) => retryJob(db, kinds, workspaceId, jobId, new Date()));
        await queue.send(restarted.nudge.queue, [restarted.nudge.nudge]);
      },
    };
    const refused = ['conflict', 'not_found'];
    const attempt = async (action: Action) => {
      try {
        await act[action]();
        log.push(action);
      } catch (error) {
        if (!(error instanceof DbragError && refused.includes(error.code))) throw error;
        log.push(`${action}: ${error.code}`);
      }
    };
    const meddlings: Meddling[] = Array.from({ length: 1 + random(4) }, () => ({
      action: pick(actions.slice(0, random(8) === 0 ? undefined : -1)),
      step: pick(steps),
      count: random(3),
      waits: random(2) === 0,
    }));
    const passed = new Map<string, number>();
    world.failpoint = {
      async reach(step) {
        const count = passed.get(step) ?? 0;
        passed.set(step, count + 1);
        for (const meddling of meddlings) {
          if (meddling.step !== step || meddling.count !== count) continue;
          log.push(`at ${step} #${count}:`);
          const done = attempt(meddling.action);
          if (meddling.waits && !stepsInsideTransactions.has(step)) await done;
          else going.push(done);
        }
      },
    };
    const drain = async () => {
      do {
        await world.drain({ ingest: 2, embed: 2 });
        await Promise.all(going.splice(0));
      } while (queue.size + going.length > 0);
    };
    await post();
    if (random(2) === 0) await drain();
    for (let more = random(3); more > 0; more--) {
      await attempt('post');
      if (random(2) === 0) await drain();
    }
    await drain();
    world.failpoint = noFailpoint;
    await remove();
    const faults = await findDatabaseFaults(test.admin, { workspaceId });
    const { rows: kept } = await test.admin.query<{ s3_key: string; live: boolean }>(
      `SELECT v.s3_key, v.version = d.live_version AS live FROM dbrag.document_versions v JOIN dbrag.documents d ON d.id = v.document_id
       WHERE v.workspace_id = $1 AND (v.removed_at IS NULL OR v.version = d.version)`,
      [workspaceId],
    );
    const wanted = new Set(kept.map((row) => row.s3_key));
    const story = `seed ${seed}: ${log.join(' ')}`;
    expect(faults, story).toEqual([]);
    // A post that was refused leaves a file without a row: the night removes it.
    const orphans = [...objects.bodies.keys()].filter((key) => !wanted.has(key)).length;
    expect(orphans, story).toBeLessThanOrEqual(log.filter((line) => line.startsWith('post:')).length);
    for (const { s3_key: key, live } of kept) if (live) expect(objects.bodies.has(key), story).toBe(true);
    return log;
  }

  it('of several workers with one deletion take its text out of the statistics once', async () => {
    const world = new IngestionWorld({ database, modelUrl: models.baseUrl });
    const { id: workspaceId } = await createWorkspace(database);
    const collectionId = await createCollection(database, workspaceId);
    const { objects, queue } = world;
    const ports = { database, objects, queue, clock: systemClock, failpoint: noFailpoint };
    for (let round = 0; round < (test.native ? 10 : 2); round++) {
      const { documentId } = await world.post(
        workspaceId,
        collectionId,
        `## A\n\n${'Herons wade in shallow water. '.repeat(40)}`,
      );
      await world.drain();
      const { jobId } = await database.inWorkspace({ workspaceId }, (db) =>
        beginDeletion(db, ports, workspaceId, documentId, 'test'),
      );
      await Promise.all(
        Array.from({ length: test.native ? 4 : 1 }, () =>
          runDeletion(ports, workspaceId, jobId, { remainingTime: () => 60_000 }),
        ),
      );
      expect(await findDatabaseFaults(test.admin, { workspaceId })).toEqual([]);
    }
  }, 60_000);

  it(`of deletions, posts and removals with the workers leave nothing behind and lose nothing (seed ${firstSeed})`, async () => {
    const done = new Map<string, number>();
    for (let i = 0; i < races; i++)
      for (const line of await race(firstSeed + i)) done.set(line, (done.get(line) ?? 0) + 1);
    if (races > 100) console.log(Object.fromEntries([...done].sort()));
    expect(done.size).toBeGreaterThan(0);
  }, 3_600_000);
});

/** What each connection to the database does now, and what it waits for. */
async function statementsOf(admin: TestDatabase['admin']): Promise<unknown[]> {
  const { rows } = await admin.query(
    `SELECT pid, state, wait_event_type, wait_event, pg_blocking_pids(pid) AS blocked_by, left(query, 200) AS query
     FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  return rows;
}

function nudgeOf(nudge: Parameters<typeof ingestionNudge>[0]): Parameters<IngestionWorld['queue']['send']> {
  const { queue, nudge: message } = ingestionNudge(nudge);
  return [queue, [message]];
}
