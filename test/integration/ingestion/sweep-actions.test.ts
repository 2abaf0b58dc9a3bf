import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '../../../shared/core/database.ts';
import { acceptDocument } from '../../../shared/ingestion/accept-document.ts';
import { beginDeletion } from '../../../shared/ingestion/delete-document.ts';
import { giveUpEmbedding } from '../../../shared/ingestion/give-up.ts';
import { createSweepActions } from '../../../shared/ingestion/sweep-actions.ts';
import { startJob } from '../../../shared/jobs/finish-job.ts';
import type { UnfinishedWork } from '../../../shared/jobs/unfinished-work.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace, sha256, testModel } from '../../support/database-content.ts';
import { MemoryQueue } from './ingestion-world.ts';

describe('a deadline that has passed', () => {
  let database: TestDatabase;
  let workspaceId: string;
  let collectionId: string;
  let actions: ReturnType<typeof createSweepActions>;
  beforeAll(async () => {
    database = await createTestDatabase();
  }, 60_000);
  beforeEach(async () => {
    ({ id: workspaceId } = await createWorkspace(database.application));
    collectionId = await createCollection(database.application, workspaceId);
    actions = createSweepActions(database.maintainer, new MemoryQueue());
  });
  afterAll(() => database?.close());

  const inWorkspace = <T>(work: (db: Db) => Promise<T>) => database.application.inWorkspace({ workspaceId }, work);
  const accept = async (status: 'queued' | 'awaiting_upload' = 'queued') => {
    const { document } = await inWorkspace((db) =>
      acceptDocument(db, {
        workspaceId,
        collectionId,
        name: 'x',
        contentType: null,
        bytes: null,
        sourceUri: null,
        priority: 'default',
        object: { key: 'content/x', versionId: null },
        status,
        createdBy: 'test',
        now: new Date(Date.now() - 48 * 3_600_000),
      }),
    );
    return document.id;
  };
  /** Split, with one text to buy that was found so many minutes ago. */
  const split = (documentId: string, minutes: number) =>
    inWorkspace(async (db) => {
      await db.query(
        `UPDATE dbrag.document_versions SET status = 'processing', content_hash = '\\x01' WHERE document_id = $1`,
        [documentId],
      );
      await db.query(
        `INSERT INTO dbrag.placements (workspace_id, document_id, version, collection_id, ordinal, content_hash, location)
         VALUES ($1, $2, 1, $3, 0, $4, '{}')`,
        [workspaceId, documentId, collectionId, sha256('text')],
      );
      await db.query(
        `INSERT INTO dbrag.pending_embeddings (workspace_id, document_id, content_hash, model, collection_id, priority, token_count, created_at)
         VALUES ($1, $2, $3, $4, $5, 'default', 1, now() - make_interval(mins => $6))`,
        [workspaceId, documentId, sha256('text'), testModel, collectionId, minutes],
      );
    });
  const seen = async (id: string): Promise<UnfinishedWork> => {
    const { rows } = await database.maintainer.inSystem((db) =>
      db.query<UnfinishedWork>('SELECT * FROM dbrag.unfinished_work(100)'),
    );
    return rows.find((row) => row.document_id === id || row.job_id === id) as UnfinishedWork;
  };
  const statusOf = async (documentId: string) =>
    (
      await inWorkspace((db) =>
        db.query('SELECT status, error FROM dbrag.document_versions WHERE document_id = $1', [documentId]),
      )
    ).rows[0];
  const pending = async (documentId: string) =>
    (await inWorkspace((db) => db.query('SELECT FROM dbrag.pending_embeddings WHERE document_id = $1', [documentId])))
      .count;

  it('ends a version, and what only it wanted is bought no more', async () => {
    const documentId = await accept();
    await split(documentId, 400);
    expect(await actions.expire(await seen(documentId))).toBe(true);
    expect(await statusOf(documentId)).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } });
    expect(await pending(documentId)).toBe(0);
  });

  it('ends nobody who stands in line behind others of the pool', async () => {
    const first = await accept();
    const second = await accept();
    await split(first, 400);
    await split(second, 300);
    expect(await actions.expire(await seen(second))).toBe(false);
    expect(await actions.expire(await seen(first))).toBe(true);
    expect(await actions.expire(await seen(second))).toBe(true);
  });

  it('moves for what somebody holds or what stands in line: nobody fails for that', async () => {
    const hours = async (documentId: string) => {
      const { rows } = await inWorkspace((db) =>
        db.query<{ hours: number }>(
          `SELECT round(extract(epoch FROM least(v.deadline_at, d.deadline_at, j.deadline_at) - now()) / 3600)::int AS hours
           FROM dbrag.document_versions v JOIN dbrag.documents d ON d.id = v.document_id JOIN dbrag.jobs j ON j.id = v.job_id
           WHERE v.document_id = $1`,
          [documentId],
        ),
      );
      return rows[0]?.hours;
    };
    const read = await accept();
    await inWorkspace((db) =>
      db.query(
        `UPDATE dbrag.document_versions SET status = 'processing', nudged_at = now() - interval '14 minutes' WHERE document_id = $1`,
        [read],
      ),
    );
    expect(await actions.expire(await seen(read))).toBe(false);
    expect([await statusOf(read), await hours(read)]).toMatchObject([{ status: 'processing' }, 1]);
    await inWorkspace((db) =>
      db.query(`UPDATE dbrag.document_versions SET nudged_at = now() - interval '16 minutes' WHERE document_id = $1`, [
        read,
      ]),
    );
    expect(await actions.expire(await seen(read))).toBe(true);
    const queued = await accept();
    await actions.moveDeadlines([await seen(queued)]);
    expect([await statusOf(queued), await hours(queued)]).toMatchObject([{ status: 'queued' }, 1]);
  });

  it('sends a version that is split to be embedded, and any other to be read', async () => {
    const whole = await accept();
    const pieces = await accept();
    await split(pieces, 1);
    expect(actions.nudgeOf(await seen(whole))?.queue).toBe('ingest-default');
    expect(actions.nudgeOf(await seen(pieces))?.queue).toBe('embed-default');
    expect(actions.nudgeOf(await seen(await accept('awaiting_upload')))).toBeUndefined();
  });

  it('ends no upload whose file came after the sweep had read it', async () => {
    const documentId = await accept('awaiting_upload');
    const stale = await seen(documentId);
    await inWorkspace((db) =>
      db.query(`UPDATE dbrag.document_versions SET status = 'queued' WHERE document_id = $1`, [documentId]),
    );
    expect(await actions.expire(stale)).toBe(false);
    expect(await statusOf(documentId)).toMatchObject({ status: 'queued' });
  });

  it('ends no job that was begun after the sweep had read it, and any other', async () => {
    const documentId = await accept();
    const clock = { now: () => new Date(Date.now() - 48 * 3_600_000) };
    const { jobId } = await inWorkspace((db) => beginDeletion(db, { clock }, workspaceId, documentId, 'test'));
    const stale = await seen(jobId);
    await inWorkspace((db) => startJob(db, workspaceId, jobId, 'delete', 'Removing.'));
    expect(await actions.expire(stale)).toBe(false);
    expect((await seen(jobId)).deadline_at.getTime()).toBeGreaterThan(Date.now() + 3_500_000);
    await inWorkspace((db) =>
      db.query(`UPDATE dbrag.jobs SET deadline_at = now() - interval '1 second' WHERE id = $1`, [jobId]),
    );
    expect(await actions.expire(await seen(jobId))).toBe(true);
  });

  it('given up by the dead-letter function, a version buys nothing either', async () => {
    const documentId = await accept();
    await split(documentId, 1);
    const failure = { code: 'retries_exhausted', message: 'x' };
    await database.admin.query('UPDATE dbrag.pending_embeddings SET tries = 5 WHERE document_id = $1', [documentId]);
    expect(await giveUpEmbedding(database.application, { workspaceId, documentId }, failure)).toBe('ended');
    expect(await statusOf(documentId)).toMatchObject({ status: 'failed', error: failure });
    expect(await pending(documentId)).toBe(0);
  });
});
