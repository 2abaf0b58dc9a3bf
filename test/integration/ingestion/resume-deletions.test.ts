import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/core/clock.ts';
import type { Db } from '../../../shared/core/database.ts';
import { noFailpoint } from '../../../shared/core/failpoint.ts';
import { beginCollectionDeletion } from '../../../shared/ingestion/delete-collection.ts';
import { beginDeletion } from '../../../shared/ingestion/delete-document.ts';
import { runDeletion } from '../../../shared/ingestion/remove-document.ts';
import { resumeDeletions } from '../../../shared/ingestion/resume-deletions.ts';
import { finishJob } from '../../../shared/jobs/finish-job.ts';
import { createJob, getJob } from '../../../shared/jobs/jobs.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createDocument, createWorkspace } from '../../support/database-content.ts';
import { MemoryObjects, MemoryQueue } from './ingestion-world.ts';

describe('a deletion whose job has failed', () => {
  let database: TestDatabase;
  let workspaceId: string;
  let collectionId: string;
  let ports: Parameters<typeof runDeletion>[0] & Parameters<typeof resumeDeletions>[0];
  beforeAll(async () => {
    database = await createTestDatabase();
  }, 60_000);
  beforeEach(async () => {
    ({ id: workspaceId } = await createWorkspace(database.application));
    collectionId = await createCollection(database.application, workspaceId);
    ports = {
      failpoint: noFailpoint,
      database: database.maintainer,
      queue: new MemoryQueue(),
      clock: systemClock,
      objects: new MemoryObjects(),
    };
  });
  afterAll(() => database?.close());

  const inWorkspace = <T>(work: (db: Db) => Promise<T>) => database.application.inWorkspace({ workspaceId }, work);
  const addDocument = () =>
    createDocument(database.application, workspaceId, collectionId, { chunks: [{ text: 'x' }] });
  const fail = (jobId: string) =>
    inWorkspace((db) =>
      finishJob(db, workspaceId, jobId, { status: 'failed', error: { code: 'retries_exhausted', message: 'x' } }),
    );
  const left = async () => {
    const { rows } = await database.admin.query<{ documents: number; collections: number }>(
      `SELECT (SELECT count(*)::int FROM dbrag.documents WHERE workspace_id = $1) AS documents,
              (SELECT count(*)::int FROM dbrag.collections WHERE workspace_id = $1) AS collections`,
      [workspaceId],
    );
    return rows[0];
  };
  const runAll = async (jobs: readonly string[]) => {
    for (const jobId of jobs) await runDeletion(ports, workspaceId, jobId, { remainingTime: () => 60_000 });
  };

  it('of a document is begun again, once', async () => {
    const documentId = await addDocument();
    const other = await addDocument();
    const { jobId } = await inWorkspace((db) => beginDeletion(db, ports, workspaceId, documentId, 'test'));
    await fail(jobId);
    const begun = await resumeDeletions(ports, workspaceId);
    expect(begun).toHaveLength(1);
    expect(await resumeDeletions(ports, workspaceId)).toEqual([]);
    await runAll(begun);
    expect(await left()).toEqual({ documents: 1, collections: 1 });
    expect(await inWorkspace((db) => db.query('SELECT id FROM dbrag.documents'))).toMatchObject({
      rows: [{ id: other }],
    });
  });

  it('of a collection is begun again with its documents', async () => {
    await addDocument();
    await addDocument();
    const { jobId } = await inWorkspace((db) => beginCollectionDeletion(db, ports, workspaceId, collectionId, 'test'));
    await fail(jobId);
    const begun = await resumeDeletions(ports, workspaceId);
    expect(begun).toHaveLength(1);
    await runAll(begun);
    expect(await left()).toEqual({ documents: 0, collections: 0 });
  });

  it('is told from another job: a message that names an ingestion removes nothing and ends nothing', async () => {
    const documentId = await addDocument();
    const deadline = new Date(Date.now() + 3_600_000);
    const jobId = await inWorkspace((db) =>
      createJob(db, workspaceId, { type: 'ingest_document', collectionId, documentId, createdBy: 'test', deadline }),
    );
    expect(await runDeletion(ports, workspaceId, jobId, { remainingTime: () => 60_000 })).toBe(false);
    const error = { code: 'retries_exhausted', message: 'x' };
    expect(
      await inWorkspace((db) => finishJob(db, workspaceId, jobId, { status: 'failed', error, type: 'delete' })),
    ).toBe(false);
    expect(await inWorkspace((db) => getJob(db, workspaceId, jobId))).toMatchObject({ status: 'queued', attempts: 0 });
    const { rows } = await database.admin.query('SELECT FROM dbrag.chunks WHERE document_id = $1', [documentId]);
    expect(rows).toHaveLength(1);
  });

  it('that is under way is left alone', async () => {
    const documentId = await addDocument();
    await inWorkspace((db) => beginDeletion(db, ports, workspaceId, documentId, 'test'));
    await inWorkspace((db) => beginCollectionDeletion(db, ports, workspaceId, collectionId, 'test'));
    expect(await resumeDeletions(ports, workspaceId)).toEqual([]);
  });
});
