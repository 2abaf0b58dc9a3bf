import { holdSubject, subjectIdOf } from '../access/subjects.ts';
import type { Caller, Narrowing } from '../core/caller.ts';
import type { Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { newUuid, timeOfUuid } from '../core/ids.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';

export interface Conversation {
  readonly id: string;
  readonly title: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** As a caller named it; what is asked here is asked for it. */
  readonly subject: string | null;
  /** Collections that its questions may search; null: all. */
  readonly collection_ids: readonly string[] | null;
  /** Databases that its questions may query; null: all. */
  readonly connection_ids: readonly string[] | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface Message {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly content: string;
  readonly query_id: string | null;
  readonly created_at: Date;
}

const columns = `id, title, metadata, collection_ids, connection_ids, created_at, updated_at,
  (SELECT external_id FROM dbrag.subjects s WHERE s.workspace_id = conversations.workspace_id AND s.id = conversations.subject_id) AS subject`;

export async function createConversation(
  db: Db,
  caller: Pick<Caller, 'workspaceId' | 'actor' | keyof Narrowing>,
  input: {
    readonly title: string | null;
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly subject: string | null;
  },
): Promise<Conversation> {
  const subjectId = input.subject === null ? null : await subjectIdOf(db, caller.workspaceId, input.subject);
  const id = newUuid();
  const { rows } = await db.query<Conversation>(
    `INSERT INTO dbrag.conversations (workspace_id, created_at, id, actor, title, metadata, collection_ids, subject_id, connection_ids)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING ${columns}`,
    [
      caller.workspaceId,
      timeOfUuid(id),
      id,
      caller.actor,
      input.title,
      input.metadata,
      caller.collectionIds,
      subjectId,
      caller.connectionIds,
    ],
  );
  return rows[0] as Conversation;
}

export async function listConversations(
  db: Db,
  workspaceId: string,
  subject: string | undefined,
  { limit, after }: PageRequest,
): Promise<Page<Conversation>> {
  const { rows } = await db.query<Conversation>(
    `SELECT ${columns} FROM dbrag.conversations WHERE workspace_id = $1
       AND created_at <= coalesce($2::timestamptz, 'infinity')
       AND ($5::text IS NULL
         OR subject_id = (SELECT id FROM dbrag.subjects WHERE workspace_id = $1 AND external_id = $5))
       AND ($3::uuid IS NULL OR (created_at, id) < ($2::timestamptz, $3::uuid))
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [workspaceId, after === undefined ? null : timeOfUuid(after), after ?? null, limit + 1, subject ?? null],
  );
  return pageOf(rows, limit);
}

/** @throws not_found */
export async function getConversation(db: Db, workspaceId: string, id: string): Promise<Conversation> {
  const { rows } = await db.query<Conversation>(
    `SELECT ${columns} FROM dbrag.conversations WHERE workspace_id = $1 AND created_at = $2 AND id = $3`,
    [workspaceId, timeOfUuid(id), id],
  );
  if (!rows[0]) throw notFound('conversation');
  return rows[0];
}

/** Messages of a conversation, the last `limit` of them, oldest first. */
export async function listMessages(
  db: Db,
  workspaceId: string,
  conversationId: string,
  limit: number,
): Promise<readonly Message[]> {
  const { rows } = await db.query<Message>(
    `SELECT id, role, content, query_id, created_at FROM dbrag.messages
     WHERE workspace_id = $1 AND conversation_id = $2 AND created_at >= $3
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [workspaceId, conversationId, timeOfUuid(conversationId), limit],
  );
  return rows.toReversed();
}

/** With its messages and the questions that were asked in it: nothing of what was said remains. @throws not_found */
export async function deleteConversation(db: Db, workspaceId: string, id: string): Promise<void> {
  const { count } = await db.query(
    'DELETE FROM dbrag.conversations WHERE workspace_id = $1 AND created_at = $2 AND id = $3',
    [workspaceId, timeOfUuid(id), id],
  );
  if (count === 0) throw notFound('conversation');
  for (const table of ['dbrag.messages', 'dbrag.queries'])
    await db.query(`DELETE FROM ${table} WHERE workspace_id = $1 AND conversation_id = $2 AND created_at >= $3`, [
      workspaceId,
      id,
      timeOfUuid(id),
    ]);
  // Answers are also stored under the idempotency keys of their requests, for a day.
  await db.query('DELETE FROM dbrag.idempotency_keys WHERE workspace_id = $1 AND conversation_id = $2', [
    workspaceId,
    id,
  ]);
}

/**
 * Holds a conversation and the subject it belongs to until the end of the transaction.
 * @returns false where it was deleted or its subject is being erased: nothing is to be kept in it, whoever asked
 */
export async function holdConversation(db: Db, workspaceId: string, id: string): Promise<boolean> {
  const { rows } = await db.query<{ subject_id: string | null }>(
    'SELECT subject_id FROM dbrag.conversations WHERE workspace_id = $1 AND created_at = $2 AND id = $3 FOR NO KEY UPDATE',
    [workspaceId, timeOfUuid(id), id],
  );
  const conversation = rows[0];
  if (!conversation) return false;
  return conversation.subject_id === null || holdSubject(db, workspaceId, conversation.subject_id);
}

/**
 * Adds a question and its answer as one turn. Locks the conversation, so that nothing is added after a deletion.
 * @throws not_found for a conversation that is gone
 */
export async function addTurn(
  db: Db,
  workspaceId: string,
  conversation: Pick<Conversation, 'id' | 'collection_ids' | 'connection_ids'>,
  turn: { readonly said: string; readonly answered: string | null; readonly queryId: string },
): Promise<void> {
  const { count } = await db.query(
    `UPDATE dbrag.conversations SET updated_at = now(), title = coalesce(title, left($4, 200))
     WHERE workspace_id = $1 AND created_at = $2 AND id = $3`,
    [workspaceId, timeOfUuid(conversation.id), conversation.id, turn.said],
  );
  if (count === 0) throw notFound('conversation');
  const said = newUuid();
  // A message made in the same millisecond must come behind.
  const answered = newUuid(timeOfUuid(said).getTime() + 1);
  await addMessage(db, workspaceId, conversation, {
    id: said,
    role: 'user',
    content: turn.said,
    queryId: turn.queryId,
  });
  if (turn.answered === null) return;
  await addMessage(db, workspaceId, conversation, {
    id: answered,
    role: 'assistant',
    content: turn.answered,
    queryId: turn.queryId,
  });
}

/** Whose it is the database notes by itself, from the conversation. */
async function addMessage(
  db: Db,
  workspaceId: string,
  conversation: Pick<Conversation, 'id' | 'collection_ids' | 'connection_ids'>,
  message: Pick<Message, 'id' | 'role' | 'content'> & { readonly queryId: string },
): Promise<void> {
  await db.query(
    `INSERT INTO dbrag.messages (workspace_id, created_at, id, conversation_id, role, content, query_id, collection_ids, connection_ids)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      workspaceId,
      timeOfUuid(message.id),
      message.id,
      conversation.id,
      message.role,
      message.content,
      message.queryId,
      conversation.collection_ids,
      conversation.connection_ids,
    ],
  );
}
