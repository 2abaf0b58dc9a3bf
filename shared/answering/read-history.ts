import type { Db } from '../core/database.ts';
import { timeOfUuid } from '../core/ids.ts';
import { listMessages, type Message } from './conversations.ts';

/**
 * What a chat model may read of a conversation, of its last `limit` messages, oldest first. An answer may tell rows of a database, in
 * words of ours where no model may read them: it is left out unless every database that was asked for it sends rows to models now, and
 * where that is not known.
 */
export async function readHistory(
  db: Db,
  workspaceId: string,
  conversationId: string,
  limit: number,
): Promise<readonly Message[]> {
  const messages = await listMessages(db, workspaceId, conversationId, limit);
  const answers = messages.flatMap(({ role, query_id }) =>
    role === 'assistant' && query_id !== null ? [query_id] : [],
  );
  const readable = await answersForModels(db, workspaceId, answers);
  return messages.filter(({ role, query_id }) => role === 'user' || (query_id !== null && readable.has(query_id)));
}

/** @param ids UUIDs of queries. @returns those whose answers hold no rows but such as models may read */
async function answersForModels(db: Db, workspaceId: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await db.query<{ id: string }>(
    `SELECT q.id FROM unnest($2::timestamptz[], $3::uuid[]) AS wanted (created_at, id)
     JOIN dbrag.queries q ON q.workspace_id = $1 AND q.created_at = wanted.created_at AND q.id = wanted.id
     WHERE q.connection_ids IS NOT NULL AND NOT EXISTS (
       SELECT FROM unnest(q.connection_ids) AS asked (id)
       LEFT JOIN dbrag.connections c ON c.workspace_id = $1 AND c.id = asked.id
       WHERE c.send_rows_to_model IS NOT TRUE)`,
    [workspaceId, ids.map(timeOfUuid), ids],
  );
  return new Set(rows.map(({ id }) => id));
}
