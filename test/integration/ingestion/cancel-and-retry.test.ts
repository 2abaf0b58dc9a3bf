import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '../../../shared/core/database.ts';
import { noFailpoint } from '../../../shared/core/failpoint.ts';
import { sendNudges } from '../../../shared/core/work-queue.ts';
import { beginDeletion } from '../../../shared/ingestion/delete-document.ts';
import { deletionJobs } from '../../../shared/ingestion/deletion-jobs.ts';
import { ingestionJobs } from '../../../shared/ingestion/ingestion-jobs.ts';
import { cancelJob, retryJob } from '../../../shared/jobs/change-job.ts';
import { finishJob } from '../../../shared/jobs/finish-job.ts';
import { type RetryFilter, retrySlice } from '../../../shared/jobs/retry-jobs.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { IngestionWorld, stepsInsideTransactions } from './ingestion-world.ts';

const kinds = { ingest_document: ingestionJobs, delete: deletionJobs };
let test: TestDatabase;
let models: FakeModelServer;
let world: IngestionWorld;
let workspaceId: string;
let collectionId: string;

beforeAll(async () => {
  [test, models] = await Promise.all([createTestDatabase(), startFakeModelServer()]);
});
afterAll(async () => {
  await models?.close();
  await test?.close();
});
beforeEach(async () => {
  models.ledger.reset();
  models.faults.clear();
  world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});

const inWorkspace = <T>(work: (db: Db) => Promise<T>) => test.application.inWorkspace({ workspaceId }, work);
const textOf = (...topics: string[]): string =>
  topics.map((topic) => `## ${topic}\n\n${`Everything about ${topic} stands here. `.repeat(30)}\n\n`).join('');
const rowOf = async <Row = Record<string, unknown>>(sql: string, values: unknown[]): Promise<Row> =>
  (await test.admin.query(sql, values)).rows[0] as Row;
const jobIdOf = async (documentId: string, version = 1): Promise<string> =>
  (
    await rowOf<{ id: string }>('SELECT id FROM dbrag.jobs WHERE document_id = $1 AND version = $2', [
      documentId,
      version,
    ])
  ).id;
const stateOf = (documentId: string, version = 1) =>
  rowOf(
    `SELECT d.status AS document, d.live_version AS live, v.status AS version, v.attempt, v.chunks, j.status AS job, j.error ->> 'code' AS code,
       (SELECT count(*)::int FROM dbrag.pending_embeddings p WHERE p.document_id = d.id) AS pending
     FROM dbrag.documents d JOIN dbrag.document_versions v ON v.document_id = d.id AND v.version = $2 JOIN dbrag.jobs j ON j.id = v.job_id
     WHERE d.id = $1`,
    [documentId, version],
  );
const cancel = (jobId: string) => inWorkspace((db) => cancelJob(db, kinds, workspaceId, jobId));
const retry = async (jobId: string) => {
  const restarted = await inWorkspace((db) => retryJob(db, kinds, workspaceId, jobId, new Date()));
  await sendNudges(world.queue, [restarted.nudge]);
};
const retryAll = async (filter: RetryFilter, after?: string) => {
  const slice = await inWorkspace((db) => retrySlice(db, kinds, workspaceId, filter, after, new Date()));
  await sendNudges(
    world.queue,
    slice.restarted.map(({ nudge }) => nudge),
  );
  return slice.restarted.length;
};
/** Does something once, when a worker comes to the `count`-th failpoint. */
const atStep = (count: number, act: () => Promise<unknown>) => {
  let passed = 0;
  world.failpoint = {
    async reach(name) {
      if (stepsInsideTransactions.has(name)) return;
      if (passed++ === count) await act();
    },
  };
  return () => passed;
};

describe('cancelling an ingestion', () => {
  it('at any step leaves nothing visible and nothing to buy, and it can be begun again', async () => {
    const seen = new Set<string>();
    for (let step = 0; ; step++) {
      const { documentId } = await world.post(workspaceId, collectionId, textOf(`step ${step}`, 'rivers', 'lakes'));
      const jobId = await jobIdOf(documentId);
      let outcome = 'not reached';
      const passed = atStep(step, async () => {
        outcome = await cancel(jobId).then(
          () => 'cancelled',
          (error: { code: string }) => error.code,
        );
      });
      await world.drain({ ingest: 1, embed: 1 });
      world.failpoint = noFailpoint;
      seen.add(outcome);
      if (passed() <= step) break;
      if (outcome === 'conflict') {
        expect(await stateOf(documentId)).toMatchObject({ document: 'ready', live: 1, job: 'succeeded' });
        continue;
      }
      expect(outcome).toBe('cancelled');
      const cancelled = { document: 'cancelled', live: null, version: 'cancelled', job: 'cancelled', pending: 0 };
      expect(await stateOf(documentId), `step ${step}`).toMatchObject(cancelled);
      expect(await cancel(jobId)).toMatchObject({ changed: false, job: { status: 'cancelled' } });
      await retry(jobId);
      await world.drain();
      expect(await stateOf(documentId)).toMatchObject({
        document: 'ready',
        live: 1,
        attempt: 2,
        chunks: 3,
        pending: 0,
      });
    }
    expect([...seen].sort()).toEqual(['cancelled', 'conflict', 'not reached']);
  });

  it('of a new version leaves the live one, and what that still needs is bought', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers'), { sourceUri: 'a' });
    await world.drain();
    await world.post(workspaceId, collectionId, textOf('rivers', 'lakes'), { sourceUri: 'a' });
    atStep(4, async () => cancel(await jobIdOf(documentId, 2)));
    await world.drain({ ingest: 1, embed: 1 });
    expect(await stateOf(documentId, 2)).toMatchObject({
      document: 'ready',
      live: 1,
      version: 'cancelled',
      pending: 0,
    });
  });

  it('is refused for what has ended, and for a deletion', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers'));
    await world.drain();
    await expect(cancel(await jobIdOf(documentId))).rejects.toMatchObject({ code: 'conflict' });
    const { jobId } = await inWorkspace((db) =>
      beginDeletion(db, { clock: { now: () => new Date() } }, workspaceId, documentId, 'test'),
    );
    await expect(cancel(jobId)).rejects.toMatchObject({ code: 'conflict' });
    expect(await rowOf('SELECT status FROM dbrag.jobs WHERE id = $1', [jobId])).toMatchObject({ status: 'queued' });
  });
});

describe('trying again', () => {
  const failed = async (text: string, sourceUri: string | null = null) => {
    const { documentId } = await world.post(workspaceId, collectionId, '   ', { sourceUri });
    await world.drain();
    const { s3_key } = await rowOf<{ s3_key: string }>(
      'SELECT s3_key FROM dbrag.document_versions WHERE document_id = $1 ORDER BY version DESC LIMIT 1',
      [documentId],
    );
    await world.objects.put(s3_key, Buffer.from(text));
    return { documentId, jobId: await jobIdOf(documentId) };
  };

  it('begins from the object, once: the second is refused and changes nothing', async () => {
    const { documentId, jobId } = await failed(textOf('rivers'));
    expect(await stateOf(documentId)).toMatchObject({ version: 'failed', code: 'no_text_found' });
    const both = await Promise.allSettled([retry(jobId), retry(jobId)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await stateOf(documentId)).toMatchObject({ document: 'queued', version: 'queued', attempt: 2, code: null });
    await world.drain();
    expect(await stateOf(documentId)).toMatchObject({ document: 'ready', live: 1, attempt: 2, job: 'succeeded' });
    await expect(retry(jobId)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('turns away the worker of the attempt before', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers'));
    const jobId = await jobIdOf(documentId);
    const message = world.queue.take('ingest', 1)?.bodies[0];
    atStep(3, async () => {
      await cancel(jobId);
      world.failpoint = noFailpoint;
      await retry(jobId);
    });
    expect(await world.ingest(message)).toBe('fenced');
    expect(await stateOf(documentId)).toMatchObject({ version: 'queued', attempt: 2, chunks: 0 });
    await world.drain();
    expect(await stateOf(documentId)).toMatchObject({ document: 'ready', attempt: 2 });
  });

  it('fails when the object has gone', async () => {
    const { documentId, jobId } = await failed('x');
    world.objects.bodies.clear();
    await retry(jobId);
    await world.drain();
    expect(await stateOf(documentId)).toMatchObject({ version: 'failed', code: 'object_missing', attempt: 2 });
  });

  it('is refused for what a newer version has overtaken, and for what is being deleted', async () => {
    const { documentId, jobId } = await failed('x', 'overtaken');
    await world.post(workspaceId, collectionId, textOf('rivers'), { sourceUri: 'overtaken' });
    await expect(retry(jobId)).rejects.toMatchObject({ code: 'conflict' });
    const other = await failed('x');
    await inWorkspace((db) =>
      beginDeletion(db, { clock: { now: () => new Date() } }, workspaceId, other.documentId, 'test'),
    );
    await expect(retry(other.jobId)).rejects.toMatchObject({ code: 'conflict' });
    expect(await stateOf(documentId)).toMatchObject({ attempt: 1 });
  });

  it('of a deletion begins it again, unless another deletes the same', async () => {
    const ports = { clock: { now: () => new Date() } };
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers'), { nudge: false });
    const begin = () => inWorkspace((db) => beginDeletion(db, ports, workspaceId, documentId, 'test'));
    const fail = (jobId: string) =>
      inWorkspace((db) =>
        finishJob(db, workspaceId, jobId, { status: 'failed', error: { code: 'retries_exhausted', message: 'x' } }),
      );
    const { jobId } = await begin();
    await fail(jobId);
    await retry(jobId);
    expect(await rowOf('SELECT status, error FROM dbrag.jobs WHERE id = $1', [jobId])).toEqual({
      status: 'queued',
      error: null,
    });
    await fail(jobId);
    const second = await begin();
    expect(second.jobId).not.toBe(jobId);
    await expect(retry(jobId)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('takes all that failed so, in slices, and passes over what makes no sense', async () => {
    const empty = await Promise.all(Array.from({ length: 3 }, () => failed(textOf('rivers'))));
    const overtaken = await failed('x', 'overtaken');
    await world.post(workspaceId, collectionId, textOf('lakes'), { sourceUri: 'overtaken' });
    await world.drain();
    expect(await retryAll({ status: 'failed', code: 'corrupt_file' })).toBe(0);
    expect(await retryAll({ status: 'failed', collectionId: workspaceId })).toBe(0);
    expect(await retryAll({ status: 'failed', code: 'no_text_found', collectionId })).toBe(3);
    expect(await retryAll({ status: 'failed' })).toBe(0);
    await world.drain();
    for (const { documentId } of empty) expect(await stateOf(documentId)).toMatchObject({ document: 'ready' });
    expect(await stateOf(overtaken.documentId)).toMatchObject({ version: 'failed', live: 2 });
  });
});
