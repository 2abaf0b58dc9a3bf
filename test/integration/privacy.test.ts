import { randomInt } from 'node:crypto';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subjectIdOf } from '../../shared/access/subjects.ts';
import { createConversation } from '../../shared/answering/conversations.ts';
import { systemClock } from '../../shared/core/clock.ts';
import { noFailpoint } from '../../shared/core/failpoint.ts';
import { newUuid, timeOfUuid } from '../../shared/core/ids.ts';
import { archiveTables, unarchivedTables } from '../../shared/privacy/archive-tables.ts';
import { beginSubjectErasure, remainingOfSubject } from '../../shared/privacy/erase-subject.ts';
import { beginWorkspaceErasure } from '../../shared/privacy/erase-workspace.ts';
import { beginExport } from '../../shared/privacy/export-job.ts';
import { findErasure } from '../../shared/privacy/find-erasure.ts';
import { runErasure } from '../../shared/privacy/run-erasure.ts';
import { runExport } from '../../shared/privacy/run-export.ts';
import { lastRowStores, remainingRows, rowStores } from '../../shared/privacy/workspace-stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createWorkspace } from '../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../support/fake-model-server/server.ts';
import { IngestionWorld } from './ingestion/ingestion-world.ts';

/** How many races are run; `npm run test:erasure-races` runs 1,000 on a native server. */
const races = Number(process.env.RACES ?? 6);
const firstSeed = Number(process.env.SEED ?? randomInt(1_000_000));

describe('what leaves', () => {
  let test: TestDatabase;
  let models: FakeModelServer;
  beforeAll(async () => {
    test = await createTestDatabase();
    models = await startFakeModelServer();
  }, 60_000);
  afterAll(async () => {
    await models?.close();
    await test?.close();
  });

  it('is every table that carries a workspace: erased, and archived or left out for a reason', async () => {
    const { rows } = await test.admin.query<{ name: string }>(
      `SELECT DISTINCT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
       WHERE c.relnamespace = 'dbrag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
         AND (a.attname = 'workspace_id' OR c.relname = 'workspaces')`,
    );
    const names = rows.map(({ name }) => name).sort();
    expect([...rowStores.map(({ table }) => table), ...lastRowStores].sort()).toEqual(names);
    expect([...archiveTables.map(({ table }) => table), ...Object.keys(unarchivedTables)].sort()).toEqual(names);
  });

  async function stage() {
    const world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
    const { id: workspaceId } = await createWorkspace(test.application);
    const collectionId = await createCollection(test.application, workspaceId);
    const { objects } = world;
    const ports = {
      database: test.maintainer,
      objects,
      // Not the workers' queue: jobs are run here by hand.
      queue: { send: async () => 1, depth: async () => 0 },
      clock: systemClock,
      failpoint: noFailpoint,
      backupDays: 7,
      passwords: { remove: async () => {} },
      forgetCached: async () => 0,
      keys: null,
    };
    const inWorkspace: typeof test.application.inWorkspace = (_scope, work) =>
      test.application.inWorkspace({ workspaceId }, work);
    const scope = { workspaceId };
    const post = (text: string) => world.post(workspaceId, collectionId, text);
    /** What a question leaves. */
    const converse = (subject: string) =>
      inWorkspace(scope, (db) =>
        createConversation(db, { workspaceId, actor: 'key_1', collectionIds: null } as never, {
          title: 'x',
          metadata: {},
          subject,
        }),
      );
    return { world, workspaceId, collectionId, objects, ports, inWorkspace, scope, post, converse };
  }

  it('is written to an archive as it was at one moment, in several invocations if it must', async () => {
    const { world, workspaceId, ports, objects, post, inWorkspace, scope } = await stage();
    for (let i = 0; i < 3; i++) await post(`## ${i}\n\nHerons wade in shallow water ${i}.`);
    await world.drain();
    const jobId = await inWorkspace(scope, (db) =>
      beginExport(db, new Date(), { workspaceId, scope: 'workspace', subject: null, actor: 'test' }),
    );
    // A worker that dies in the middle leaves nothing behind, and the next begins that archive again.
    const failpoint = { reach: async () => Promise.reject(new Error('died')) };
    await expect(runExport({ ...ports, failpoint }, workspaceId, jobId, () => true)).rejects.toThrow('died');
    const archives = () => [...objects.bodies.keys()].filter((key) => key.includes('/exports/')).sort();
    expect(archives()).toEqual([]);
    const job = async () =>
      (
        await inWorkspace(scope, (db) =>
          db.query<{ status: string; result: { rows: number } }>(
            'SELECT status, result FROM dbrag.jobs WHERE id = $1',
            [jobId],
          ),
        )
      ).rows[0];
    // No time for more than one file an invocation; what is posted meanwhile is in none of them.
    for (let run = 0; (await job())?.status !== 'succeeded' && run < 10; run++) {
      await runExport(ports, workspaceId, jobId, () => false);
      if (run === 0) await post('Too late.');
    }
    expect((await job())?.status).toBe('succeeded');
    const contents = archives().map((key) => unzipSync(objects.bodies.get(key) as Uint8Array));
    expect(contents.length).toBeGreaterThanOrEqual(3);
    const files = contents.flatMap((content) => Object.keys(content).filter((path) => path.startsWith('files/')));
    expect(new Set(files).size).toBe(3);
    expect(files).toHaveLength(3);
    const chunks = Buffer.from(contents[0]?.['tables/chunks.jsonl'] ?? []).toString();
    expect(chunks.trim().split('\n')).toHaveLength(3);
    // Delivered once more, it is the same.
    await runExport(ports, workspaceId, jobId, () => true);
    expect(archives()).toHaveLength(contents.length);
  });

  /** A workspace or a subject is erased in the middle of questions, posts and workers, each time at another moment. */
  async function race(seed: number): Promise<void> {
    const { world, workspaceId, ports, objects, post, converse, inWorkspace, scope } = await stage();
    const pick = (below: number) => (((seed * 2_654_435_761) >>> 0) % 1_000_003) % below;
    await post('## A\n\nHerons wade.');
    await converse('ada');
    const subjectId = await inWorkspace(scope, (db) => subjectIdOf(db, workspaceId, 'ada'));
    const whole = seed % 2 === 0;
    let jobId = '';
    const begin = async () => {
      jobId = await inWorkspace(scope, async (db) =>
        whole
          ? beginWorkspaceErasure(db, new Date(), { workspaceId, actor: 'test', keyHash: null })
          : (await beginSubjectErasure(db, new Date(), { workspaceId, named: 'ada', actor: 'test' })).jobId,
      );
      await runErasure(ports, workspaceId, jobId, () => pick(2) === 0);
    };
    const refused = () => {};
    const lateQuestion = () => inWorkspace(scope, (db) => keepQuestion(db, workspaceId, subjectId)).catch(refused);
    const others = [
      () => post('## B\n\nStorks wade too.').catch(refused),
      () => world.drain().catch(refused),
      () => converse('ada').catch(refused),
      lateQuestion,
      () => runErasure(ports, workspaceId, jobId || newUuid(), () => true).catch(refused),
    ];
    const going: Promise<unknown>[] = [];
    const at = pick(others.length + 1);
    for (const [i, other] of others.entries()) {
      if (i === at) going.push(begin());
      going.push(other());
    }
    if (jobId === '' && at === others.length) going.push(begin());
    await Promise.all(going);
    for (let run = 0; run < 30; run++) await runErasure(ports, workspaceId, jobId, () => true);
    await lateQuestion();
    await world.drain().catch(refused);
    if (whole) {
      const left = await test.maintainer.inWorkspace(scope, (db) => remainingRows(db, workspaceId));
      expect(left, `seed ${seed}`).toEqual({});
      expect(await findErasure(test.maintainer, jobId), `seed ${seed}`).toMatchObject({
        erased_workspace: workspaceId,
      });
      await runErasure(ports, workspaceId, jobId, () => true);
      const own = [...objects.bodies.keys()].filter((key) => key.includes(workspaceId.replaceAll('-', '')));
      expect(own, `seed ${seed}`).toEqual([]);
    } else {
      expect(await remainingOfSubject(test.maintainer, workspaceId, subjectId), `seed ${seed}`).toEqual({});
    }
  }

  it(
    `does not come back, whatever is under way (seed ${firstSeed})`,
    async () => {
      for (let i = 0; i < races; i++) await race(firstSeed + i);
    },
    Math.max(120_000, races * 10_000),
  );
});

/** What is kept of an answer, by whoever began it before the erasure. */
async function keepQuestion(
  db: Parameters<typeof subjectIdOf>[0],
  workspaceId: string,
  subjectId: string,
): Promise<void> {
  const { holdSubject } = await import('../../shared/access/subjects.ts');
  if (!(await holdSubject(db, workspaceId, subjectId))) return;
  const id = newUuid();
  await db.query(
    `INSERT INTO dbrag.queries (workspace_id, created_at, id, actor, subject_id, question, reasoning, route, answered, model, provider,
       embedding_cache, timing, total_ms, trace)
     VALUES ($1, $2, $3, 'key_1', $4, 'q', 'direct', 'documents', false, 'm', 'p', 'off', '{}', 1, '{}')`,
    [workspaceId, timeOfUuid(id), id, subjectId],
  );
}
