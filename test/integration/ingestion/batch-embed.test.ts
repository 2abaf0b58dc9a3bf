import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { OpenAiEmbedder } from '../../../shared/adapters/openai/openai-embedder.ts';
import { batchEmbedJobs, beginBatchEmbed } from '../../../shared/ingestion/batch-embed.ts';
import { holdsFallback } from '../../../shared/ingestion/fallback-space.ts';
import { runBatchEmbed } from '../../../shared/ingestion/run-batch-embed.ts';
import { createSweepActions } from '../../../shared/ingestion/sweep-actions.ts';
import { nudgeWaitingPurchases } from '../../../shared/ingestion/waiting-purchases.ts';
import { getJob, type Job } from '../../../shared/jobs/jobs.ts';
import type { UnfinishedWork } from '../../../shared/jobs/unfinished-work.ts';
import { RetryingEmbedder } from '../../../shared/models/retrying-embedder.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { IngestionWorld } from './ingestion-world.ts';

const before = 'text-embedding-3-small';
const after = 'text-embedding-3-large';
const minute = 60_000;

let test: TestDatabase;
let models: FakeModelServer;
let workspaceId: string;
let collectionId: string;
let documents: string[];
/** The deployment after its first model was changed, with the one before as its fallback. */
let world: IngestionWorld;

beforeAll(async () => {
  test = await createTestDatabase();
  models = await startFakeModelServer();
});
afterAll(async () => {
  await models.close();
  await test.close();
});

function space(model: string) {
  const provider = new OpenAiEmbedder({ apiKey: async () => 'key', baseUrl: models.baseUrl, model, dimensions: 1_536 });
  return { embedder: new RetryingEmbedder(provider), admission: async () => ({ state: 'closed' as const }) };
}

beforeEach(async () => {
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
  const old = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl, space: space(before) });
  documents = [];
  for (let n = 0; n < 3; n++) documents.push((await old.post(workspaceId, collectionId, `Text ${n}.`)).documentId);
  await old.drain();
  models.ledger.reset();
  world = new IngestionWorld({
    database: test.application,
    modelUrl: models.baseUrl,
    space: space(after),
    fallback: space(before),
  });
});

const begin = () =>
  test.application.inWorkspace({ workspaceId }, (db) =>
    beginBatchEmbed(db, { clock: { now: () => new Date() } }, workspaceId, collectionId, 'test'),
  );
const run = (jobId: string, time = minute) => {
  const { queue } = world;
  const spaces = { model: after, fallback: before };
  return runBatchEmbed({ database: test.application, queue, spaces }, workspaceId, jobId, () => time);
};
const jobOf = (jobId: string): Promise<Job> =>
  test.application.inWorkspace({ workspaceId }, (db) => getJob(db, workspaceId, jobId));

async function spaces(): Promise<Record<string, number>> {
  const { rows } = await test.admin.query<{ model: string; n: number }>(
    'SELECT model, count(*)::int AS n FROM dbrag.embeddings WHERE workspace_id = $1 GROUP BY model ORDER BY model',
    [workspaceId],
  );
  return Object.fromEntries(rows.map(({ model, n }) => [model, n]));
}

const holds = () => test.application.inWorkspace({ workspaceId }, (db) => holdsFallback(db, workspaceId, before));
const message = () => ({ v: 1, workspace_id: workspaceId, document_id: documents[0], priority: 'low' });
const embed = () => world.embedWithin([message()], () => minute);

it('moves a collection into the space of a new model; the old one answers until each chunk is there', async () => {
  const { jobId, begun } = await begin();
  expect(begun).toBe(true);
  expect(await begin()).toEqual({ jobId, begun: false });
  expect(await jobOf(jobId)).toMatchObject({ type: 'batch_embed', status: 'queued' });
  await run(jobId);
  expect(await jobOf(jobId)).toMatchObject({
    status: 'running',
    progress_done: 0,
    progress_total: 3,
    progress_unit: 'chunks',
  });
  expect(await spaces()).toEqual({ [before]: 3 });
  expect(await holds()).toBe(true);
  expect(world.queue.sent.map(({ queue }) => queue)).toEqual(['embed-low', 'maintenance']);
  await embed();
  expect(await spaces()).toEqual({ [after]: 3 });
  expect(await holds()).toBe(false);
  await run(jobId);
  expect(await jobOf(jobId)).toMatchObject({
    status: 'succeeded',
    progress_done: 3,
    progress_total: 3,
    result: { chunks: 3 },
  });
  // Everything is where it should be: asked again, it buys nothing.
  const again = await begin();
  await run(again.jobId);
  expect(await jobOf(again.jobId)).toMatchObject({ status: 'succeeded', result: { chunks: 0 } });
  expect(models.ledger.snapshot().inputs).toBe(3);
  const { rows } = await test.admin.query(
    `SELECT bool_and(d.status = 'ready' AND d.live_version = 1) AS ready FROM dbrag.documents d WHERE workspace_id = $1`,
    [workspaceId],
  );
  expect(rows).toEqual([{ ready: true }]);
});

it('goes on where it was when its process died, and counts nothing twice', async () => {
  const { jobId } = await begin();
  // No time for a slice: the job has begun, and its next look is on its way.
  await run(jobId, 0);
  await run(jobId);
  await test.admin.query(`UPDATE dbrag.jobs SET input = '{"found": 0}' WHERE id = $1`, [jobId]);
  await run(jobId);
  await embed();
  await run(jobId);
  expect(await jobOf(jobId)).toMatchObject({ status: 'succeeded', progress_done: 3, progress_total: 3 });
  expect(await spaces()).toEqual({ [after]: 3 });
});

it('cancelled, it buys nothing more; begun again, it does the rest', async () => {
  const { jobId } = await begin();
  await run(jobId);
  const cancel = async () => {
    const job = await jobOf(jobId);
    await test.application.inWorkspace({ workspaceId }, async (db) => batchEmbedJobs.cancel?.(db, workspaceId, job));
  };
  await cancel();
  await embed();
  // A worker whose message comes a second time looks whether others hold something: nobody holds what was set aside.
  await world.embedWithin([message()], () => minute, true);
  await run(jobId);
  expect(models.ledger.snapshot().inputs).toBe(0);
  expect(await jobOf(jobId)).toMatchObject({ status: 'cancelled' });
  // What is in the old space is searched there still.
  expect(await spaces()).toEqual({ [before]: 3 });
  expect(await holds()).toBe(true);
  const job = await jobOf(jobId);
  const restarted = await test.application.inWorkspace({ workspaceId }, async (db) =>
    batchEmbedJobs.retry?.(db, workspaceId, [job], new Date()),
  );
  expect(restarted).toHaveLength(1);
  await run(jobId);
  await embed();
  await run(jobId);
  expect(await jobOf(jobId)).toMatchObject({ status: 'succeeded' });
  expect(await spaces()).toEqual({ [after]: 3 });
});

it('ends although the new model refuses a text, which stays in the space that it is in', async () => {
  await test.admin.query(
    `UPDATE dbrag.chunks SET text = '[[fault:context-length]] ' || text WHERE workspace_id = $1 AND document_id = $2`,
    [workspaceId, documents[1]],
  );
  const { jobId } = await begin();
  await run(jobId);
  await embed();
  await run(jobId);
  expect(await jobOf(jobId)).toMatchObject({ status: 'succeeded', result: { chunks: 3, refused: 1 } });
  expect(await spaces()).toEqual({ [after]: 2, [before]: 1 });
  expect(await holds()).toBe(true);
  // Nobody is sent for it again.
  await test.admin.query(
    `UPDATE dbrag.pending_embeddings SET created_at = created_at - interval '1 hour' WHERE workspace_id = $1`,
    [workspaceId],
  );
  expect(await nudgeWaitingPurchases(test.application, world.queue)).toBe(0);
});

it('what was set aside keeps no version of its document from its deadline', async () => {
  const { jobId } = await begin();
  await run(jobId);
  const job = await jobOf(jobId);
  await test.application.inWorkspace({ workspaceId }, async (db) => batchEmbedJobs.cancel?.(db, workspaceId, job));
  const source = { sourceUri: 'https://example.com/other', priority: 'low', nudge: false } as const;
  const { documentId, version } = await world.post(workspaceId, collectionId, 'Another text.', source);
  await world.ingest({ v: 1, workspace_id: workspaceId, document_id: documentId, version, attempt: 1 });
  await test.admin.query('UPDATE dbrag.pending_embeddings SET model = $2 WHERE document_id = $1', [documentId, after]);
  const actions = createSweepActions(test.application, world.queue);
  const [work] = (
    await test.application.inSystem((db) =>
      db.query<UnfinishedWork>('SELECT * FROM dbrag.unfinished_work(100) WHERE document_id = $1', [documentId]),
    )
  ).rows;
  expect(await actions.expire(work as UnfinishedWork)).toBe(true);
});
