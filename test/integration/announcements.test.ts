import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '../../shared/core/database.ts';
import type { DomainEvent } from '../../shared/core/event-bus.ts';
import { acceptDocument } from '../../shared/ingestion/accept-document.ts';
import { lockDocuments, type StatusChange, setVersionStatus } from '../../shared/ingestion/set-version-status.ts';
import { type Announcements, createAnnouncements } from '../../shared/jobs/announcements.ts';
import { finishJob } from '../../shared/jobs/finish-job.ts';
import { createJob } from '../../shared/jobs/jobs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createWorkspace } from '../support/database-content.ts';

describe('how jobs ended', () => {
  let database: TestDatabase;
  let workspaceId: string;
  let collectionId: string;
  let told: DomainEvent[];
  let takes: (event: DomainEvent) => boolean;
  let announcements: Announcements;
  beforeAll(async () => {
    database = await createTestDatabase();
  }, 60_000);
  afterAll(() => database?.close());
  beforeEach(async () => {
    ({ id: workspaceId } = await createWorkspace(database.application));
    collectionId = await createCollection(database.application, workspaceId);
    told = [];
    takes = () => true;
    announcements = createAnnouncements(database.application, {
      async publish(events) {
        const accepted = events.map(takes);
        told.push(...events.filter((_, i) => accepted[i]));
        return accepted;
      },
    });
  });

  const inWorkspace = <T>(work: (db: Db) => Promise<T>) => database.application.inWorkspace({ workspaceId }, work);
  const accept = () =>
    inWorkspace((db) =>
      acceptDocument(db, {
        workspaceId,
        collectionId,
        name: 'a secret name',
        contentType: null,
        bytes: null,
        sourceUri: null,
        priority: 'default',
        object: { key: 'content/x', versionId: null },
        status: 'queued',
        createdBy: 'test',
        now: new Date(),
      }),
    );
  const move = (documentId: string, change: StatusChange) =>
    inWorkspace(async (db) => {
      await lockDocuments(db, workspaceId, [documentId]);
      await setVersionStatus(db, workspaceId, [{ documentId, version: 1 }], change);
    });
  const error = { code: 'no_text_found', message: 'A secret sentence.' };
  const fail = (documentId: string) => move(documentId, { from: ['queued'], to: 'failed', error });
  const types = () => told.map(({ type }) => type).sort();
  const left = async () =>
    (await database.admin.query('SELECT FROM dbrag.pending_announcements WHERE workspace_id = $1', [workspaceId]))
      .rowCount;
  /** As if so much time had gone by. */
  const pass = (seconds: number) =>
    database.admin.query(
      `UPDATE dbrag.pending_announcements SET ended_at = ended_at - make_interval(secs => $1), leased_until = leased_until - make_interval(secs => $1)`,
      [seconds],
    );

  it('are told once, with keys, states and counts and without a word of text', async () => {
    const ready = (await accept()).document.id;
    await move(ready, { from: ['queued'], to: 'ready' });
    await fail((await accept()).document.id);
    const jobId = await inWorkspace((db) =>
      createJob(db, workspaceId, { type: 'delete', createdBy: 'test', deadline: new Date() }),
    );
    await inWorkspace((db) => finishJob(db, workspaceId, jobId, { status: 'succeeded', why: 'A secret reason.' }));
    await announcements.tell(workspaceId);
    await announcements.tell(workspaceId);
    expect(types()).toEqual(['document.failed', 'document.ready', 'job.failed', 'job.succeeded', 'job.succeeded']);
    expect(told.find(({ type }) => type === 'document.failed')?.detail).toMatchObject({
      status: 'failed',
      version: 1,
      error_code: 'no_text_found',
      chunk_count: 0,
    });
    for (const { detail } of told)
      expect(Object.keys(detail)).toEqual(expect.arrayContaining(['workspace_id', 'job_id', 'attempts']));
    expect(JSON.stringify(told)).not.toContain('ecret');
    expect(await left()).toBe(0);
  });

  it('are not told of what only moves or is cancelled', async () => {
    const { document } = await accept();
    await move(document.id, { from: ['queued'], to: 'processing' });
    await move(document.id, { from: ['processing'], to: 'cancelled' });
    expect(await left()).toBe(0);
  });

  it('are told later when the bus did not take them, or whoever was to tell has died', async () => {
    await fail((await accept()).document.id);
    takes = ({ type }) => type !== 'job.failed';
    await announcements.tell(workspaceId);
    expect([types(), await left()]).toEqual([['document.failed'], 1]);
    takes = () => true;
    await announcements.tellLeft();
    expect(await left()).toBe(1);
    await pass(61);
    expect(await announcements.tellLeft()).toBe(false);
    expect([types(), await left()]).toEqual([['document.failed', 'document.failed', 'job.failed'], 0]);
  });

  it('are told by one of many, in bulk', async () => {
    for (let i = 0; i < 120; i++) await fail((await accept()).document.id);
    await Promise.all(Array.from({ length: 4 }, () => announcements.tell(workspaceId)));
    expect([told.length, await left()]).toEqual([240, 0]);
  });

  it('are told again when a job that was begun again ends again, also while its first end is being told', async () => {
    const { document } = await accept();
    await fail(document.id);
    let during: Promise<void> | undefined;
    takes = () => {
      during ??= move(document.id, { from: ['failed'], to: 'queued' }).then(() => fail(document.id));
      return true;
    };
    const slow = createAnnouncements(database.application, {
      async publish(events) {
        const accepted = events.map(takes);
        await during;
        told.push(...events);
        return accepted;
      },
    });
    await slow.tell(workspaceId);
    expect([told.length, await left()]).toEqual([2, 1]);
    await announcements.tell(workspaceId);
    expect([told.length, await left()]).toEqual([4, 0]);
  });

  it('say nothing of a job that has been begun again since, nor of a document that has gone', async () => {
    const { document } = await accept();
    await fail(document.id);
    await move(document.id, { from: ['failed'], to: 'queued' });
    await announcements.tell(workspaceId);
    expect([told, await left()]).toEqual([[], 0]);
    await fail(document.id);
    await database.admin.query('DELETE FROM dbrag.document_versions WHERE document_id = $1', [document.id]);
    await announcements.tell(workspaceId);
    expect(types()).toEqual(['job.failed']);
  });
});
