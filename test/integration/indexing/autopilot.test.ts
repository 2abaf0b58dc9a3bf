import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDirectStatements } from '../../../shared/adapters/postgres/direct-statements.ts';
import { systemClock } from '../../../shared/core/clock.ts';
import type { Db } from '../../../shared/core/database.ts';
import { Outage } from '../../../shared/core/outage.ts';
import type { Nudge, WorkQueue } from '../../../shared/core/work-queue.ts';
import { armTending } from '../../../shared/indexing/arm-tending.ts';
import { checkRecall } from '../../../shared/indexing/check-recall.ts';
import { listIndexes } from '../../../shared/indexing/list-indexes.ts';
import { type PartitionState, readPartitions } from '../../../shared/indexing/partition-state.ts';
import { autopilotSettings } from '../../../shared/indexing/plan-index.ts';
import { rebuildIndex, requestRebuild } from '../../../shared/indexing/rebuild-index.ts';
import { rebuildJobs } from '../../../shared/indexing/rebuild-jobs.ts';
import { type IndexingPorts, tendIndexes } from '../../../shared/indexing/tend-indexes.ts';
import { analyze } from '../../../shared/indexing/upkeep.ts';
import { getJob } from '../../../shared/jobs/jobs.ts';
import { search } from '../../../shared/retrieval/search.ts';
import { connectionOf, createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createDocument, createWorkspace, testModel } from '../../support/database-content.ts';
import { seededRandom } from '../../support/database-random.ts';

const dimensions = 32;
const random = seededRandom(19);
const vector = () => {
  const raw = Float32Array.from({ length: dimensions }, () => random() - 0.5);
  const length = Math.hypot(...raw);
  return raw.map((component) => component / length);
};

describe('the index autopilot', () => {
  let database: TestDatabase;
  let ports: IndexingPorts;
  let workspaceId: string;
  beforeAll(async () => {
    database = await createTestDatabase({ dimensions, partitions: 1 });
    const direct = createDirectStatements(connectionOf(database.maintainerUrl));
    const settings = { ...autopilotSettings, fewestRows: 500, quietMilliseconds: 0 };
    ports = { database: database.maintainer, direct, clock: systemClock, model: testModel, dimensions, settings };
    ({ id: workspaceId } = await createWorkspace(database.application));
    const collectionId = await createCollection(database.application, workspaceId);
    for (let document = 0; document < 12; document++)
      await createDocument(database.application, workspaceId, collectionId, {
        chunks: Array.from({ length: 100 }, (_, index) => ({ text: `text ${document} ${index}`, vector: vector() })),
      });
    await database.admin.query('ANALYZE');
    await database.admin.query(`UPDATE dbrag.corpus_statistics SET chunks = 1200`);
  }, 60_000);
  afterAll(() => database?.close());

  const look = async () => {
    const report = await tendIndexes(ports);
    return report.did.map(({ action }) => action);
  };
  const notes = async () => (await database.application.inSystem((db) => listIndexes(db, null)))[0];
  const plan = async () => {
    const asked = `[${vector().join(',')}]`;
    // So few would be sorted faster.
    await database.admin.query('SET enable_sort = off');
    const { rows } = await database.admin.query(
      `EXPLAIN SELECT FROM dbrag.embeddings WHERE workspace_id = '${workspaceId}' AND model = '${testModel}'
       ORDER BY embedding <=> '${asked}' LIMIT 5`,
    );
    await database.admin.query('RESET enable_sort');
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };

  it('waits for a look that finds the load quiet, builds, notes the index, and then has nothing to do', async () => {
    expect(await look()).toEqual([]);
    expect(await notes()).toMatchObject({ status: 'waiting', why: expect.stringContaining('loaded') });
    // The server counts what was inserted with a delay.
    await expect.poll(look, { timeout: 10_000 }).toEqual(['build']);
    expect(await notes()).toMatchObject({ status: 'building' });
    expect(await look()).toEqual(['finish']);
    expect(await notes()).toMatchObject({ status: 'ready', kind: 'hnsw', parameters: { m: 16, ef_construction: 200 } });
    expect((await tendIndexes(ports)).again).toBe(false);
    expect(await plan()).toContain('hnsw');
  });

  it('measures recall, and lets searches look farther until the promise is kept', async () => {
    const [state] = await readPartitions(database.maintainer, { model: testModel });
    const check = (promise?: number) =>
      checkRecall(
        database.maintainer,
        { ...(state as NonNullable<typeof state>), ef_search: 100 },
        testModel,
        [{ id: workspaceId, chunks: 1_200 }],
        promise,
      );
    const recall = await check();
    expect(recall).toBeGreaterThanOrEqual(0.98);
    const noted = await notes();
    expect(noted?.recall).toBeCloseTo(recall ?? 0, 5);
    expect(noted?.ef_search).toBe(100);
    // No index keeps this one, so searches look as far as they may.
    await check(1.01);
    expect((await notes())?.ef_search).toBe(400);
  });

  it('drops an index whose build broke off, and builds another', async () => {
    const { index_name: name } = (await readPartitions(database.maintainer, { model: testModel }))[0] ?? {};
    await database.admin.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'dbrag.${name}'::regclass`);
    expect(await look()).toEqual(['drop']);
    expect(await notes()).toMatchObject({ status: 'failed', why: expect.stringContaining('broken off') });
    // A count that the server tells late looks like a load for one look.
    await expect.poll(look, { timeout: 10_000 }).toEqual(['build']);
    expect(await look()).toEqual(['finish']);
    expect(await notes()).toMatchObject({ status: 'ready' });
  });

  it('clears dead rows out of the index and then out of the partition, and has nothing to do after that', async () => {
    const dead = async () => (await readPartitions(database.maintainer, { model: testModel }))[0]?.dead_share ?? 0;
    const updateAll = async () => {
      await database.admin.query(`UPDATE dbrag.embeddings SET model = model WHERE workspace_id = '${workspaceId}'`);
      await database.admin.query('ANALYZE dbrag.embeddings_00');
      await expect.poll(dead, { timeout: 10_000 }).toBeGreaterThan(0.2);
    };
    await database.admin.query('VACUUM dbrag.embeddings_00');
    await database.admin.query(`UPDATE dbrag.vector_indexes SET started_at = started_at - interval '25 hours'`);
    await updateAll();
    await expect.poll(look, { timeout: 10_000 }).toEqual(['reindex']);
    expect(await dead()).toBeGreaterThan(0.2);
    await expect.poll(look, { timeout: 10_000 }).toEqual(['vacuum']);
    await expect.poll(dead, { timeout: 10_000 }).toBe(0);
    expect(await look()).toEqual([]);
    expect(await notes()).toMatchObject({ status: 'ready' });
  });

  it('goes on where one partition refuses, notes why, and lets go of it', async () => {
    await database.admin.query(`UPDATE dbrag.vector_indexes SET wanted_at = NULL, failures = 0`);
    const refuse = (error: Error): IndexingPorts => ({
      ...ports,
      settings: { ...autopilotSettings, fewestRows: 1_000_000, quietMilliseconds: 0 },
      direct: { run: () => Promise.reject(error) },
    });
    await expect(tendIndexes(refuse(new Outage('away')))).rejects.toThrow('away');
    await database.admin.query(`UPDATE dbrag.vector_indexes SET leased_until = NULL`);
    const { did } = await tendIndexes(refuse(new Error('it is locked')));
    expect(did).toMatchObject([{ action: 'drop' }]);
    const { rows } = await database.admin.query('SELECT failures, leased_until, why FROM dbrag.vector_indexes');
    expect(rows).toEqual([{ failures: 1, leased_until: null, why: 'Its drop failed: it is locked' }]);
    await database.admin.query(`UPDATE dbrag.vector_indexes SET failures = 0, why = ''`);
  });

  it('counts no failed build where an analysis or a vacuum fails, tells of it, and leaves the vacuum to the next night', async () => {
    const [partition] = await readPartitions(database.maintainer, { model: testModel });
    const failed: string[] = [];
    const statements: string[] = [];
    const refusing: IndexingPorts = {
      ...ports,
      direct: {
        run: async ([statement = '']) => {
          statements.push(statement);
          throw new Error('it is locked');
        },
      },
      onUpkeepFailed: (name) => void failed.push(name),
    };
    // The planner's statistics are older than the rows; and the index is newer than the last vacuum of a partition that is half dead.
    const stale: Partial<PartitionState> = { changed_since_analyze: 1_000, vacuumed_at: new Date(0), dead_share: 0.5 };
    await analyze(refusing, { ...(partition as PartitionState), ...stale });
    expect(statements).toEqual(['ANALYZE (SKIP_LOCKED) dbrag.embeddings_00']);
    await database.admin.query('VACUUM dbrag.embeddings_00');
    await database.admin.query('UPDATE dbrag.vector_indexes SET started_at = now()');
    await database.admin.query(`UPDATE dbrag.embeddings SET model = model WHERE workspace_id = '${workspaceId}'`);
    await database.admin.query('ANALYZE dbrag.embeddings_00');
    statements.length = 0;
    const tended = async () => (await tendIndexes(refusing)).did.map(({ action }) => action);
    await expect.poll(tended, { timeout: 10_000 }).toEqual(['vacuum']);
    expect(statements).toContain('VACUUM (SKIP_LOCKED) dbrag.embeddings_00');
    expect((await tendIndexes(refusing)).again).toBe(false);
    expect(new Set(failed)).toEqual(new Set(['embeddings_00']));
    const { rows } = await database.admin.query('SELECT failures, leased_until, why FROM dbrag.vector_indexes');
    const why = 'Its vacuum failed: it is locked. The next night tries again.';
    expect(rows).toEqual([{ failures: 0, leased_until: null, why }]);
    await database.admin.query('VACUUM dbrag.embeddings_00');
  });

  it('sees that a partition is being vacuumed by a role that it is no member of, as autovacuum is, and lets it be', async ({
    skip,
  }) => {
    if (!database.native) skip();
    const vacuuming = async () =>
      (await readPartitions(database.maintainer, { model: testModel }))[0]?.is_vacuuming ?? false;
    expect(await vacuuming()).toBe(false);
    const superuser = new pg.Client({ connectionString: database.adminUrl });
    await superuser.connect();
    try {
      // A page a time, and a pause after each: it is still under way when it is looked at.
      await superuser.query(`SET vacuum_cost_limit = 1; SET vacuum_cost_delay = '100ms'`);
      await database.admin.query(`UPDATE dbrag.embeddings SET model = model WHERE workspace_id = '${workspaceId}'`);
      const { rows } = await superuser.query('SELECT pg_backend_pid() AS pid');
      const vacuum = superuser.query('VACUUM (DISABLE_PAGE_SKIPPING) dbrag.embeddings_00').catch((error) => error.code);
      await expect.poll(vacuuming, { timeout: 10_000 }).toBe(true);
      await database.admin.query(`UPDATE dbrag.vector_indexes SET wanted_at = now()`);
      // What is due after it is not left to the next load or night.
      expect(await tendIndexes(ports)).toEqual({ again: true, did: [] });
      expect(await notes()).toMatchObject({ why: expect.stringContaining('vacuumed') });
      await database.admin.query('SELECT pg_cancel_backend($1)', [rows[0].pid]);
      // It was there until now.
      expect(await vacuum).toBe('57014');
      await expect.poll(vacuuming, { timeout: 10_000 }).toBe(false);
    } finally {
      await superuser.end();
      await database.admin.query(`UPDATE dbrag.vector_indexes SET wanted_at = NULL, why = ''`);
      await database.admin.query('VACUUM dbrag.embeddings_00');
    }
  });

  it('drops the index of an older model from a partition without vectors, and looks no more', async () => {
    const empty = await createTestDatabase({ dimensions, partitions: 1 });
    try {
      await empty.admin.query(
        `CREATE INDEX earlier ON dbrag.embeddings_00 USING hnsw (embedding halfvec_cosine_ops) WHERE model = 'earlier'`,
      );
      const direct = createDirectStatements(connectionOf(empty.maintainerUrl));
      const tend = () => tendIndexes({ ...ports, database: empty.maintainer, direct });
      expect(await tend()).toMatchObject({ did: [{ action: 'drop', why: expect.stringContaining('model') }] });
      expect(await tend()).toEqual({ again: false, did: [] });
    } finally {
      await empty.close();
    }
  });

  it('searches by signs where that is the index, and lets the vectors decide', async () => {
    await database.admin.query(
      `CREATE INDEX signs ON dbrag.embeddings_00 USING hnsw ((binary_quantize(embedding)::bit(${dimensions})) bit_hamming_ops)
       WHERE model = '${testModel}'`,
    );
    const { rows } =
      await database.admin.query(`SELECT indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_am a ON a.oid = c.relam WHERE amname = 'hnsw' AND indexprs IS NULL`);
    for (const { name } of rows) await database.admin.query(`DROP INDEX ${name}`);
    const near = (few: number) => (asked: Float32Array) =>
      database.application.inWorkspace({ workspaceId }, async (db) => {
        const { rows: found } = await db.query<{ distance: number }>(
          `SELECT * FROM dbrag.nearest_candidates($1::halfvec, $2, NULL, 10, NULL, NULL, NULL, $3)`,
          [`[${asked.join(',')}]`, testModel, few],
        );
        return found.map(({ distance }) => distance);
      });
    let found = 0;
    for (let question = 0; question < 20; question++) {
      const asked = vector();
      const [exact, signs] = [await near(1_000_000)(asked), await near(0)(asked)];
      expect(signs).toHaveLength(10);
      found += signs.filter((distance) => distance <= (exact[9] ?? 0) + 1e-6).length;
    }
    // Of 32 bits not more can be asked.
    expect(found / 200).toBeGreaterThanOrEqual(0.7);
  });

  it.each([
    { chunks: 20_000, rows: 20_000, byIndex: false },
    { chunks: 20_001, rows: 100_000, byIndex: true },
    { chunks: 20_001, rows: 100_010, byIndex: false },
    { chunks: 60_000, rows: 1_000_000, byIndex: false },
    { chunks: 60_001, rows: 1_000_000, byIndex: true },
    { chunks: 20_001, rows: null, byIndex: true },
  ])('searches $chunks of $rows vectors by the index: $byIndex', async ({ chunks, rows, byIndex }) => {
    const { rows: said } = await database.admin.query('SELECT dbrag.searched_by_index($1, $2, 20000) AS by_index', [
      chunks,
      rows,
    ]);
    expect(said).toEqual([{ by_index: byIndex }]);
  });

  it('sends one look for all who ask, and fails where it cannot be sent', async () => {
    let accepts = 0;
    const sent: Nudge[] = [];
    const queue: WorkQueue = {
      send: async (_, nudges) => {
        sent.push(...nudges);
        return accepts;
      },
      depth: async () => 0,
    };
    await database.admin.query('UPDATE dbrag.sweep_state SET tending_until = NULL');
    await expect(armTending(ports.database, queue)).rejects.toThrow('could not be sent');
    accepts = 1;
    sent.length = 0;
    for (let asked = 0; asked < 3; asked++) await armTending(ports.database, queue);
    expect(sent).toMatchObject([{ body: { kind: 'tend_indexes' }, delaySeconds: 60 }]);
  });

  it('takes the largest number there is for few', async () => {
    const { rows } = await database.admin.query(
      'SELECT dbrag.searched_by_index(3000000000, 3000000000, 2147483647) AS by_index',
    );
    expect(rows).toEqual([{ by_index: true }]);
  });

  it('builds none, and keeps none, where no workspace is searched by it', async () => {
    const largest = (chunks: number) =>
      database.admin.query('UPDATE dbrag.corpus_statistics SET chunks = $1', [chunks]);
    // A workspace with nothing counts for nothing.
    await createWorkspace(database.application);
    await largest(1_200);
    expect(await readPartitions(database.maintainer, { model: testModel })).toMatchObject([{ largest: 1_200 }]);
    expect(await look()).toEqual([]);
    await largest(250);
    expect(await look()).toEqual(['drop']);
    expect(await look()).toEqual([]);
    expect(await notes()).toMatchObject({ status: 'exact', why: expect.stringContaining('250 chunks') });
    await largest(1_200);
    expect(await look()).toEqual(['build']);
    expect(await look()).toEqual(['finish']);
  });

  it('rebuilds when it is asked, and says how far it is and how it ended', async () => {
    const sent: Nudge[] = [];
    const queue: WorkQueue = { send: async (_, nudges) => sent.push(...nudges), depth: async () => 0 };
    const inWorkspace = <T>(work: (db: Db) => Promise<T>) => database.application.inWorkspace({ workspaceId }, work);
    await expect(
      inWorkspace((db) => requestRebuild(db, systemClock, workspaceId, 'embeddings_07', 'test')),
    ).rejects.toMatchObject({
      code: 'not_found',
    });
    const jobId = await inWorkspace((db) => requestRebuild(db, systemClock, workspaceId, undefined, 'test'));
    for (let step = 0; step < 6; step++) await rebuildIndex({ ...ports, queue }, workspaceId, jobId);
    expect(await inWorkspace((db) => getJob(db, workspaceId, jobId))).toMatchObject({
      status: 'succeeded',
      why: expect.stringContaining('built'),
      result: { partition: 'embeddings_00' },
    });
    expect(sent[0]).toMatchObject({ body: { kind: 'rebuild_index', job_id: jobId } });
    // Cancelled before it began, it builds nothing; begun again, it does, and only once at a time.
    const second = await inWorkspace((db) => requestRebuild(db, systemClock, workspaceId, undefined, 'test'));
    const job = (id: string) => inWorkspace((db) => getJob(db, workspaceId, id));
    const secondJob = await job(second);
    await inWorkspace(async (db) => rebuildJobs.cancel?.(db, workspaceId, secondJob));
    await rebuildIndex({ ...ports, queue }, workspaceId, second);
    expect(await job(second)).toMatchObject({ status: 'cancelled', why: expect.stringContaining('Cancelled') });
    const retried = [await job(second)];
    const retry = () => inWorkspace(async (db) => rebuildJobs.retry?.(db, workspaceId, retried, new Date()));
    expect(await retry()).toMatchObject([{ jobId: second, nudge: { queue: 'maintenance' } }]);
    expect(await retry()).toEqual([]);
    for (let step = 0; step < 6; step++) await rebuildIndex({ ...ports, queue }, workspaceId, second);
    expect(await job(second)).toMatchObject({ status: 'succeeded', result: { partition: 'embeddings_00' } });
    await look();
    const hits = await inWorkspace((db) =>
      search(db, { workspaceId, mode: 'semantic', vector: vector(), model: testModel, text: null, limit: 10 }),
    );
    expect(hits).toHaveLength(10);
  });
});
