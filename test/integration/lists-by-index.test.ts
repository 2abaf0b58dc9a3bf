import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listApiKeys } from '../../shared/access/api-keys.ts';
import { subjectIdOf } from '../../shared/access/subjects.ts';
import {
  createConversation,
  deleteConversation,
  listConversations,
  listMessages,
} from '../../shared/answering/conversations.ts';
import type { Db } from '../../shared/core/database.ts';
import { publicId } from '../../shared/core/ids.ts';
import { listCollections } from '../../shared/ingestion/collections.ts';
import { listChunks, listDocuments, listVersions } from '../../shared/ingestion/documents.ts';
import { listEndedJobs, listJobs } from '../../shared/jobs/jobs.ts';
import { beginSubjectErasure } from '../../shared/privacy/erase-subject.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createWorkspace } from '../support/database-content.ts';

/** Of each table, in each of two workspaces; `npm run test:lists` takes half a million. */
const rows = Number(process.env.LIST_ROWS ?? 2_000);
const page = { limit: 20 };

const large =
  /Seq Scan on (documents|document_versions|jobs|conversations_\w+|messages_\w+|queries_\w+|idempotency_keys|placements\w*|chunks\w*)/;

/** Tables that hold nothing are read in no time by any plan. */
const scannedIn = (plan: string): readonly string[] =>
  plan.split('\n').filter((line) => large.test(line) && !/rows=1 /.test(line));

describe('a list', () => {
  let database: TestDatabase;
  let workspaceId: string;
  let collectionId: string;
  let documentId: string;
  let jobId: string;
  let conversationId: string;
  beforeAll(async () => {
    database = await createTestDatabase({ partitions: 1 });
    for (let workspace = 0; workspace < 2; workspace++) {
      workspaceId = (await createWorkspace(database.application, `holds ${rows}`)).id;
      collectionId = await createCollection(database.application, workspaceId, 'one');
      await createCollection(database.application, workspaceId, 'other');
      await fill();
    }
    await database.admin.query('ANALYZE');
    const some = async (table: string) =>
      (
        await database.admin.query<{ id: string }>(
          `SELECT id FROM dbrag.${table} WHERE workspace_id = $1 ORDER BY created_at DESC, id DESC OFFSET 100 LIMIT 1`,
          [workspaceId],
        )
      ).rows[0]?.id as string;
    [documentId, jobId, conversationId] = [await some('documents'), await some('jobs'), await some('conversations')];
  }, 3_600_000);
  afterAll(() => database?.close());

  /** One in fifty has failed, and what is under way is rare. */
  async function fill(): Promise<void> {
    const each = `generate_series(1, $2::int) AS n`;
    const status = `CASE WHEN n % 1000 = 0 THEN 'queued' WHEN n % 50 = 0 THEN 'failed' ELSE 'ready' END`;
    const at = `now() - n * interval '1 second'`;
    const statements: [text: string, values: unknown[]][] = [
      [
        `INSERT INTO dbrag.documents (workspace_id, id, collection_id, name, status, live_version, deadline_at, created_at)
         SELECT $1, dbrag.new_uuid(), (SELECT id FROM dbrag.collections WHERE workspace_id = $1 ORDER BY n % 10 = 0, id LIMIT 1),
           'document ' || n, ${status}, 1, now(), ${at} FROM ${each}`,
        [workspaceId, rows],
      ],
      [
        `INSERT INTO dbrag.document_versions (workspace_id, document_id, version, collection_id, status, s3_key, deadline_at, error)
         SELECT workspace_id, id, 1, collection_id, status, 'key', now(), '{"code":"too_large"}' FROM dbrag.documents WHERE workspace_id = $1`,
        [workspaceId],
      ],
      [
        `INSERT INTO dbrag.jobs (workspace_id, id, type, status, collection_id, document_id, version, deadline_at, error, created_at)
         SELECT workspace_id, dbrag.new_uuid(), 'ingest_document', CASE status WHEN 'ready' THEN 'succeeded' ELSE status END, collection_id,
           id, 1, now(), CASE status WHEN 'failed' THEN '{"code":"too_large"}'::jsonb END, created_at
         FROM dbrag.documents WHERE workspace_id = $1`,
        [workspaceId],
      ],
      [
        `INSERT INTO dbrag.conversations (workspace_id, created_at, id, actor)
         SELECT $1, date_trunc('milliseconds', ${at}), dbrag.new_uuid(), 'key_1' FROM ${each}`,
        [workspaceId, rows],
      ],
      [
        `INSERT INTO dbrag.messages (workspace_id, created_at, id, conversation_id, role, content)
         SELECT workspace_id, created_at, dbrag.new_uuid(), id, 'user', 'What?' FROM dbrag.conversations WHERE workspace_id = $1`,
        [workspaceId],
      ],
      [
        `INSERT INTO dbrag.idempotency_keys (workspace_id, caller, key, request_hash, status, body, expires_at)
         SELECT workspace_id, 'key_1', id, '', 200,
           jsonb_build_object('conversation_id', 'cnv_' || replace(id::text, '-', ''), 'subject', 'of ' || id), now() + interval '1 day'
         FROM dbrag.conversations WHERE workspace_id = $1`,
        [workspaceId],
      ],
    ];
    for (const [text, values] of statements) await database.admin.query(text, values);
  }

  /** The plans of what is asked, under row security. */
  async function plansOf(list: (db: Db) => Promise<unknown>): Promise<string> {
    return database.application.inWorkspace({ workspaceId }, async (db) => {
      const asked: { text: string; values: readonly unknown[] }[] = [];
      await list({
        query: <Row>(text: string, values: readonly unknown[] = []) => {
          asked.push({ text, values });
          return db.query<Row>(text, values);
        },
      });
      const plans: string[] = [];
      for (const { text, values } of asked) {
        const { rows: lines } = await db.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
        plans.push(...lines.map((line) => line['QUERY PLAN']));
      }
      return plans.join('\n');
    });
  }

  it('that had no index would be seen to read its table from end to end', async () => {
    const plan = await plansOf(async (db) => {
      for (const way of ['indexscan', 'indexonlyscan', 'bitmapscan'])
        await db.query(`SELECT set_config('enable_${way}', 'off', true)`);
      await listDocuments(db, workspaceId, {}, page);
    });
    expect(scannedIn(plan)).not.toEqual([]);
  });

  it('reads no table from end to end, whatever is asked for', async () => {
    const after = { ...page, after: documentId };
    const afterJob = { ...page, after: jobId };
    const lists: Record<string, (db: Db) => Promise<unknown>> = {
      documents: (db) => listDocuments(db, workspaceId, {}, page),
      'documents further on': (db) => listDocuments(db, workspaceId, {}, after),
      'documents of a collection': (db) => listDocuments(db, workspaceId, { collectionId }, page),
      'documents of a collection, further on': (db) => listDocuments(db, workspaceId, { collectionId }, after),
      'documents that failed': (db) => listDocuments(db, workspaceId, { status: 'failed' }, page),
      'documents that wait, further on': (db) => listDocuments(db, workspaceId, { status: 'queued' }, after),
      'documents of a collection that failed': (db) =>
        listDocuments(db, workspaceId, { collectionId, status: 'failed' }, after),
      versions: (db) => listVersions(db, workspaceId, documentId, page),
      chunks: (db) => listChunks(db, workspaceId, documentId, 1, page),
      jobs: (db) => listJobs(db, workspaceId, {}, page),
      'jobs further on': (db) => listJobs(db, workspaceId, {}, afterJob),
      'jobs of a type': (db) => listJobs(db, workspaceId, { type: 'ingest_document' }, afterJob),
      'jobs of a type that there is none of': (db) => listJobs(db, workspaceId, { type: 'erase' }, page),
      'jobs that failed': (db) => listJobs(db, workspaceId, { status: 'failed' }, page),
      'jobs that wait': (db) => listJobs(db, workspaceId, { status: 'queued' }, afterJob),
      'jobs of a document': (db) => listJobs(db, workspaceId, { documentId }, page),
      'jobs that ended so': (db) => listEndedJobs(db, workspaceId, { status: 'failed' }, undefined, 100),
      'jobs of a collection that ended so': (db) =>
        listEndedJobs(db, workspaceId, { status: 'failed', code: 'too_large', collectionId }, jobId, 100),
      collections: (db) => listCollections(db, workspaceId, page),
      keys: (db) => listApiKeys(db, workspaceId, page),
      conversations: (db) => listConversations(db, workspaceId, undefined, page),
      'conversations further on': (db) =>
        listConversations(db, workspaceId, undefined, { ...page, after: conversationId }),
      'conversations of somebody': (db) => listConversations(db, workspaceId, 'somebody', page),
      messages: (db) => listMessages(db, workspaceId, conversationId, 20),
    };
    const found: Record<string, string> = {};
    for (const [name, list] of Object.entries(lists)) {
      const plan = await plansOf(list);
      if (scannedIn(plan).length > 0) found[name] = plan;
    }
    expect(found).toEqual({});
  });

  it('of kept answers is not what deletes those of a conversation: an index finds them, and they go', async () => {
    const caller = { workspaceId, actor: 'key_1', collectionIds: null, connectionIds: null };
    const { id } = await database.application.inWorkspace({ workspaceId }, (db) =>
      createConversation(db, caller, { title: null, metadata: {}, subject: null }),
    );
    await database.admin.query(
      `INSERT INTO dbrag.idempotency_keys (workspace_id, caller, key, request_hash, status, body, expires_at)
       VALUES ($1, 'key_1', $2, '', 200, $3, now() + interval '1 day')`,
      [workspaceId, id, { conversation_id: publicId('conversation', id) }],
    );
    const kept = async () => {
      const { rows } = await database.admin.query('SELECT FROM dbrag.idempotency_keys WHERE key = $1', [id]);
      return rows.length;
    };
    expect(await kept()).toBe(1);
    const plan = await plansOf((db) => deleteConversation(db, workspaceId, id));
    expect(plan).toContain('idempotency_keys_of_conversation');
    expect(scannedIn(plan)).toEqual([]);
    expect(await kept()).toBe(0);
  });

  it('of kept answers is not what forgets those of a subject, by name and by id', async () => {
    const subjectId = await database.application.inWorkspace({ workspaceId }, (db) =>
      subjectIdOf(db, workspaceId, 'ada'),
    );
    const keep = (caller: string, body: object) =>
      database.admin.query(
        `INSERT INTO dbrag.idempotency_keys (workspace_id, caller, key, request_hash, status, body, expires_at)
         VALUES ($1, $2, 'of ada', '', 200, $3, now() + interval '1 day')`,
        [workspaceId, caller, body],
      );
    await keep('key_1', { subject: 'ada' });
    await keep(publicId('subject', subjectId), {});
    await keep('key_2', { subject: 'not ada' });
    const plan = await plansOf((db) =>
      beginSubjectErasure(db, new Date(), { workspaceId, named: 'ada', actor: 'key_1' }),
    );
    expect(plan).toContain('idempotency_keys_of_subject');
    expect(scannedIn(plan)).toEqual([]);
    const { rows } = await database.admin.query(`SELECT caller FROM dbrag.idempotency_keys WHERE key = 'of ada'`);
    expect(rows).toEqual([{ caller: 'key_2' }]);
  });
});
