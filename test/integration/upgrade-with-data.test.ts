import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../shared/adapters/postgres/migrate.ts';
import { newUuid, publicId, timeOfUuid } from '../../shared/core/ids.ts';
import {
  connectionOf,
  createTestDatabase,
  migrationsDirectory,
  openTestDatabase,
  type TestDatabase,
  testPasswords,
} from '../support/database.ts';
import { createWorkspace } from '../support/database-content.ts';

/** The last file of the release before. */
const released = '0080-walks-over-all-workspaces.sql';
const settings = { partitions: 4, dimensions: 1_536 };
const workspaces = 3;
const rowsOfWorkspace = process.env.LOCAL_DATABASE_URL ? 20_000 : 2_000;
/** A migration waits for a lock no longer than this before it lets everybody pass. */
const longestStall = 2_000;

let database: TestDatabase;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dbrag-migrations-'));
});
afterEach(async () => {
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const run = () =>
  migrate({ connection: connectionOf(database.adminUrl), directory, settings, passwords: testPasswords });

interface Talk {
  readonly workspaceId: string;
  readonly conversationId: string;
  readonly subjectId: string;
}

/** What code of the release before writes: it knows neither a conversation of a kept answer nor a subject of a message. */
const say = (query: (sql: string, values: unknown[]) => Promise<unknown>, talk: Talk, rows: number) =>
  query(
    `INSERT INTO dbrag.messages (workspace_id, created_at, id, conversation_id, role, content)
     SELECT $1, now(), gen_random_uuid(), $2, 'user', 'x' FROM generate_series(1, $3::integer)`,
    [talk.workspaceId, talk.conversationId, rows],
  );
const keep = (query: (sql: string, values: unknown[]) => Promise<unknown>, talk: Talk, rows: number) =>
  query(
    `INSERT INTO dbrag.idempotency_keys (workspace_id, caller, key, request_hash, status, body, expires_at)
     SELECT $1, 'key_1', gen_random_uuid()::text, '', 200, $2::jsonb, now() + interval '1 day' FROM generate_series(1, $3::integer)`,
    [talk.workspaceId, { conversation_id: publicId('conversation', talk.conversationId) }, rows],
  );

/** The release before, with a conversation in each workspace. */
async function beginReleased(): Promise<readonly Talk[]> {
  database = await createTestDatabase({ empty: true, ...settings });
  for (const name of await readdir(migrationsDirectory))
    if (name <= released) await cp(join(migrationsDirectory, name), join(directory, name));
  await run();
  const query = database.admin.query.bind(database.admin);
  const talks: Talk[] = [];
  for (let count = 0; count < workspaces; count++) {
    const { id: workspaceId } = await createWorkspace(database.application);
    const [conversationId, subjectId] = [newUuid(), newUuid()];
    await query('INSERT INTO dbrag.subjects (workspace_id, id, external_id) VALUES ($1, $2, $3)', [
      workspaceId,
      subjectId,
      'ada',
    ]);
    await query(
      `INSERT INTO dbrag.conversations (workspace_id, created_at, id, actor, subject_id) VALUES ($1, $2, $3, 'key_1', $4)`,
      [workspaceId, timeOfUuid(conversationId), conversationId, subjectId],
    );
    const talk = { workspaceId, conversationId, subjectId };
    await say(query, talk, rowsOfWorkspace);
    await keep(query, talk, rowsOfWorkspace);
    talks.push(talk);
  }
  return talks;
}

const strangers = async () =>
  (
    await database.admin.query<{ messages: number; answers: number }>(
      `SELECT
         (SELECT count(*)::int FROM dbrag.messages m WHERE subject_id IS DISTINCT FROM
           (SELECT c.subject_id FROM dbrag.conversations c WHERE c.id = m.conversation_id)) AS messages,
         (SELECT count(*)::int FROM dbrag.idempotency_keys WHERE conversation_id IS NULL) AS answers`,
    )
  ).rows[0];

/** Indexes of both tables that nobody may use, and months that have no part of the index of their parent. */
async function unusable(): Promise<readonly string[]> {
  const { rows } = await database.admin.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE (c.relname LIKE 'messages%' OR c.relname LIKE 'idempotency_keys%') AND NOT i.indisvalid
     UNION ALL
     SELECT m.inhrelid::regclass::text FROM pg_inherits m WHERE m.inhparent = 'dbrag.messages'::regclass AND NOT EXISTS (
       SELECT FROM pg_inherits a JOIN pg_index i ON i.indexrelid = a.inhrelid
       WHERE a.inhparent = 'dbrag.messages_of_subject'::regclass AND i.indrelid = m.inhrelid)`,
  );
  return rows.map(({ name }) => name);
}

it('tells whose everything is, also of what code of before writes meanwhile, and stalls it for less than two seconds', async () => {
  const talks = await beginReleased();
  const former = openTestDatabase(database.applicationUrl);
  let slowest = 0;
  let written = 0;
  let failures = 0;
  let isOver = false;
  const writing = Promise.all(
    talks.map(async (talk) => {
      while (!isOver) {
        const began = performance.now();
        await former
          .inWorkspace({ workspaceId: talk.workspaceId }, async (db) => {
            await say(db.query, talk, 1);
            await keep(db.query, talk, 1);
            written += 1;
          })
          .catch(() => (failures += 1));
        slowest = Math.max(slowest, performance.now() - began);
      }
    }),
  );
  try {
    await cp(migrationsDirectory, directory, { recursive: true });
    await run();
  } finally {
    isOver = true;
    await writing;
    await former.close();
  }
  expect(written).toBeGreaterThan(0);
  // The embedded engine serves one transaction at a time: there, everybody waits for every file.
  if (database.native) expect({ failures, isSlow: slowest >= longestStall }).toEqual({ failures: 0, isSlow: false });
  expect(await strangers()).toEqual({ messages: 0, answers: 0 });
  expect(await unusable()).toEqual([]);
  await database.admin.query(`CALL dbrag.create_month_partitions('dbrag.messages', 14)`);
  expect(await unusable()).toEqual([]);
}, 120_000);

it('builds again what a build that was broken off has left', async () => {
  database = await createTestDatabase(settings);
  const indexing = '0093-indexes-of-what-has-to-go.sql';
  const { rows } = await database.admin.query<{ month: string }>(
    `SELECT to_char(now() AT TIME ZONE 'UTC', '"messages_"YYYY_MM') AS month`,
  );
  const month = rows[0]?.month;
  const { id: workspaceId } = await createWorkspace(database.application);
  const talk = { workspaceId, conversationId: newUuid(), subjectId: newUuid() };
  const query = database.admin.query.bind(database.admin);
  await say(query, talk, 2);
  await keep(query, talk, 2);
  await query(
    `DROP INDEX dbrag.idempotency_keys_of_conversation, dbrag.messages_of_subject;
     CREATE INDEX messages_of_subject ON ONLY dbrag.messages (workspace_id, subject_id, created_at, id) WHERE subject_id IS NOT NULL`,
  );
  // They are not unique, so each build fails and leaves what a killed one leaves.
  for (const [name, table, column] of [
    ['idempotency_keys_of_conversation', 'idempotency_keys', 'status'],
    [`${month}_of_subject`, month, 'role'],
  ])
    await expect(query(`CREATE UNIQUE INDEX CONCURRENTLY ${name} ON dbrag.${table} (${column})`)).rejects.toMatchObject(
      {
        code: '23505',
      },
    );
  expect(await unusable()).toEqual(expect.arrayContaining(['idempotency_keys_of_conversation', `${month}_of_subject`]));
  await query('DELETE FROM dbrag.schema_migrations WHERE name >= $1', [indexing]);
  for (const name of await readdir(migrationsDirectory))
    if (name <= indexing) await cp(join(migrationsDirectory, name), join(directory, name));
  // Killed before it is written down, it finds all of it done.
  for (let attempt = 0; attempt < 2; attempt++) {
    expect((await run()).applied).toEqual([indexing]);
    expect(await unusable()).toEqual([]);
    await query('DELETE FROM dbrag.schema_migrations WHERE name = $1', [indexing]);
  }
}, 120_000);
