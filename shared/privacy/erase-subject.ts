import type { Database, Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { publicId, tryParsePublicId } from '../core/ids.ts';
import { finishJob } from '../jobs/finish-job.ts';
import { createJob } from '../jobs/jobs.ts';
import { certificateOf, type ErasurePorts, erasureDeadlineMilliseconds, type HasTime } from './erasure.ts';
import { endExports } from './export-job.ts';
import { exportsPrefix } from './object-prefixes.ts';

const rowsAtOnce = 2_000;
const endedByErasure = 'A subject was erased meanwhile. Begin it again.';

export interface BegunErasure {
  /** UUID. */
  readonly jobId: string;
  readonly subjectId: string;
  /** False: it was under way already, and this is its job. */
  readonly begun: boolean;
}

/**
 * Takes a subject's name away at once, and with it what is kept under that name, and leaves the rest to a job. Whoever comes by the same
 * name from here on is somebody new; what is still being answered for the old one is not kept.
 * @param named `sub_…`, or the name that the subject goes by
 * @throws not_found
 */
export async function beginSubjectErasure(
  db: Db,
  now: Date,
  { workspaceId, named, actor }: { workspaceId: string; named: string; actor: string },
): Promise<BegunErasure> {
  const { rows } = await db.query<{ id: string; external_id: string; erasing: boolean }>(
    `SELECT id, external_id, erasing_at IS NOT NULL AS erasing FROM dbrag.subjects
     WHERE workspace_id = $1 AND (id = $2 OR external_id = $3) ORDER BY (id = $2) DESC NULLS LAST LIMIT 1 FOR UPDATE`,
    [workspaceId, tryParsePublicId('subject', named) ?? null, named],
  );
  const subject = rows[0];
  if (!subject) throw notFound('subject');
  if (subject.erasing) {
    const running = await runningErasure(db, workspaceId, subject.id);
    if (running) return { jobId: running, subjectId: subject.id, begun: false };
  }
  await endExports(db, workspaceId, endedByErasure);
  const counts = await forgetName(db, workspaceId, subject);
  const jobId = await createJob(db, workspaceId, {
    type: 'erase',
    input: { scope: 'subject', subject_id: subject.id, counts },
    createdBy: actor,
    deadline: new Date(now.getTime() + erasureDeadlineMilliseconds),
  });
  return { jobId, subjectId: subject.id, begun: true };
}

async function runningErasure(db: Db, workspaceId: string, subjectId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.jobs WHERE workspace_id = $1 AND type = 'erase' AND input ->> 'subject_id' = $2
       AND status IN ('queued', 'running') ORDER BY created_at DESC LIMIT 1`,
    [workspaceId, subjectId],
  );
  return rows[0]?.id;
}

/** What is kept under the name and not under the id. Changing the name waits for whoever is just writing for the subject. */
async function forgetName(
  db: Db,
  workspaceId: string,
  { id, external_id: name }: { id: string; external_id: string },
): Promise<Record<string, number>> {
  await db.query(
    `UPDATE dbrag.subjects SET external_id = 'erased ' || id::text, erasing_at = now() WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, id],
  );
  const answers = await db.query(
    `DELETE FROM dbrag.idempotency_keys WHERE workspace_id = $1 AND (caller = $2 OR subject = $3)`,
    [workspaceId, publicId('subject', id), name],
  );
  const members = await db.query('DELETE FROM dbrag.members WHERE workspace_id = $1 AND subject = $2', [
    workspaceId,
    name,
  ]);
  // Answers that a cache holds are of an older generation from now on.
  await db.query('UPDATE dbrag.workspaces SET generation = generation + 1 WHERE id = $1', [workspaceId]);
  return { idempotency_keys: answers.count, members: members.count };
}

const ofConversations = `conversation_id IN (
  SELECT id FROM dbrag.conversations WHERE workspace_id = $1 AND subject_id = $2)`;

/** What is deleted under the id, in this order: messages and questions are found by their conversations too. */
const steps: readonly { readonly store: string; readonly statement: string }[] = [
  // One after the other, since no index serves both at once. Their conversation may have ended before them, by retention.
  { store: 'messages', statement: deleting('messages', ofConversations) },
  { store: 'messages', statement: deleting('messages', 'subject_id = $2') },
  { store: 'queries', statement: deleting('queries', `(subject_id = $2 OR ${ofConversations})`) },
  {
    store: 'idempotency_keys',
    // Answers given in a conversation of the subject, also those asked under another name.
    statement: `DELETE FROM dbrag.idempotency_keys WHERE workspace_id = $1 AND (caller, key) IN (
      SELECT caller, key FROM dbrag.idempotency_keys WHERE workspace_id = $1 AND ${ofConversations} LIMIT $3)`,
  },
  { store: 'conversations', statement: deleting('conversations', 'subject_id = $2') },
  {
    store: 'usage_events',
    // What was spent stays, and belongs to nobody.
    statement: `UPDATE dbrag.usage_events SET subject_id = NULL WHERE workspace_id = $1 AND (at, id) IN (
      SELECT at, id FROM dbrag.usage_events WHERE workspace_id = $1 AND subject_id = $2 LIMIT $3)`,
  },
];

function deleting(table: string, condition: string): string {
  return `DELETE FROM dbrag.${table} WHERE workspace_id = $1 AND (created_at, id) IN (
    SELECT created_at, id FROM dbrag.${table} WHERE workspace_id = $1 AND ${condition} LIMIT $3)`;
}

/** Erases some more of a subject. @returns false when there is more to do */
export async function eraseSubject(
  ports: ErasurePorts,
  workspaceId: string,
  jobId: string,
  subjectId: string,
  hasTime: HasTime,
): Promise<boolean> {
  const { database, objects, failpoint } = ports;
  const scope = { workspaceId };
  for (const { store, statement } of steps) {
    for (;;) {
      const count = await database.inWorkspace(scope, async (db) => {
        const gone = (await db.query(statement, [workspaceId, subjectId, rowsAtOnce])).count;
        if (gone > 0) await addCount(db, workspaceId, jobId, store, gone);
        return gone;
      });
      if (!hasTime()) return false;
      if (count < rowsAtOnce) break;
    }
  }
  await database.inWorkspace(scope, async (db) => {
    await addCount(db, workspaceId, jobId, 'usage_daily', await forgetDailyUsage(db, workspaceId, subjectId));
    const keys = await db.query('DELETE FROM dbrag.audit_keys WHERE workspace_id = $1 AND holder = $2', [
      workspaceId,
      subjectId,
    ]);
    await addCount(db, workspaceId, jobId, 'audit_keys', keys.count);
    const subjects = await db.query('DELETE FROM dbrag.subjects WHERE workspace_id = $1 AND id = $2', [
      workspaceId,
      subjectId,
    ]);
    await addCount(db, workspaceId, jobId, 'subjects', subjects.count);
    // Begun after the erasure was: they have read some of its rows, perhaps.
    await endExports(db, workspaceId, endedByErasure);
  });
  // Archives hold what was there when they were written; from here on there is nothing of the subject to read.
  const archives = await objects.purge(exportsPrefix(workspaceId));
  await failpoint.reach('erase.before_last_row');
  await database.inWorkspace(scope, async (db) => {
    if (archives > 0) await addCount(db, workspaceId, jobId, 'export_archives', archives);
    const erased = await countsOf(db, workspaceId, jobId);
    const result = certificateOf(ports, { workspaceId, subjectId, jobId, erased });
    await finishJob(db, workspaceId, jobId, { status: 'succeeded', result, why: 'Erased.' });
  });
  return true;
}

async function addCount(db: Db, workspaceId: string, jobId: string, store: string, count: number): Promise<void> {
  await db.query(
    `UPDATE dbrag.jobs SET input = jsonb_set(input, ARRAY['counts', $3],
         to_jsonb(coalesce((input -> 'counts' ->> $3)::bigint, 0) + $4::bigint)),
       progress_done = progress_done + $4, progress_unit = 'rows'
     WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, jobId, store, count],
  );
}

async function countsOf(db: Db, workspaceId: string, jobId: string): Promise<Record<string, number>> {
  const { rows } = await db.query<{ counts: Record<string, number> }>(
    `SELECT input -> 'counts' AS counts FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, jobId],
  );
  return rows[0]?.counts ?? {};
}

/** Days of the subject become days of nobody, and are added to those that are there. */
async function forgetDailyUsage(db: Db, workspaceId: string, subjectId: string): Promise<number> {
  const sums = ['requests', 'embedding_tokens', 'prompt_tokens', 'completion_tokens', 'cost_usd'];
  const names = ['workspace_id', 'day', 'operation', 'model', 'api_key_id', 'collection_id', ...sums].join(', ');
  const { rows } = await db.query<{ gone: number }>(
    `WITH gone AS (
       DELETE FROM dbrag.usage_daily WHERE workspace_id = $1 AND subject_id = $2 RETURNING ${names}
     ), kept AS (
       INSERT INTO dbrag.usage_daily (${names}) SELECT ${names} FROM gone
       ON CONFLICT (workspace_id, day, operation, model, api_key_id, subject_id, collection_id) DO UPDATE SET
         ${sums.map((sum) => `${sum} = usage_daily.${sum} + excluded.${sum}`).join(', ')}
     )
     SELECT count(*)::int AS gone FROM gone`,
    [workspaceId, subjectId],
  );
  return rows[0]?.gone ?? 0;
}

/** Rows that are left of a subject, by table; tables without any are left out. */
export async function remainingOfSubject(
  database: Database,
  workspaceId: string,
  subjectId: string,
): Promise<Record<string, number>> {
  const counted = [
    ...['conversations', 'queries', 'usage_events', 'usage_daily'].map((table) => ({ table, column: 'subject_id' })),
    { table: 'audit_keys', column: 'holder' },
    { table: 'subjects', column: 'id' },
  ];
  const counts = counted.map(
    ({ table, column }) =>
      `SELECT '${table}' AS store, count(*)::int AS rows FROM dbrag.${table} WHERE workspace_id = $1 AND ${column} = $2`,
  );
  // Those that say whose they are, and those of its conversations.
  const messages = ['subject_id = $2', ofConversations].map(
    (condition) => `SELECT created_at, id FROM dbrag.messages WHERE workspace_id = $1 AND ${condition}`,
  );
  counts.push(`SELECT 'messages', count(*)::int FROM (${messages.join(' UNION ')}) AS said`);
  counts.push(
    `SELECT 'idempotency_keys', count(*)::int FROM dbrag.idempotency_keys WHERE workspace_id = $1 AND ${ofConversations}`,
  );
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ store: string; rows: number }>(
      `SELECT store, rows FROM (${counts.join(' UNION ALL ')}) counted WHERE rows > 0`,
      [workspaceId, subjectId],
    ),
  );
  return Object.fromEntries(rows.map((row) => [row.store, row.rows]));
}
