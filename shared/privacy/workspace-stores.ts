import type { Db } from '../core/database.ts';

/** A table of a workspace's rows, and what tells one row from another inside it. */
export interface RowStore {
  readonly table: string;
  /** Columns after `workspace_id`; `ctid` where a table has no key, which only a table in one piece may. */
  readonly key: string;
}

/**
 * Every table that carries a workspace, in the order in which their rows can leave: those that point at others first. A test holds the
 * list against the catalog, so that a new table is either erased or fails it.
 */
export const rowStores: readonly RowStore[] = [
  { table: 'pending_announcements', key: 'job_id' },
  { table: 'pending_embeddings', key: 'document_id, content_hash, model' },
  { table: 'embeddings', key: 'document_id, content_hash, model' },
  { table: 'placements', key: 'document_id, version, ordinal' },
  { table: 'chunks', key: 'document_id, content_hash' },
  { table: 'document_versions', key: 'document_id, version' },
  { table: 'documents', key: 'id' },
  { table: 'sql_terms', key: 'connection_id, id' },
  { table: 'sql_examples', key: 'connection_id, id' },
  { table: 'catalog_tables', key: 'connection_id, schema_name, table_name' },
  { table: 'connections', key: 'id' },
  { table: 'connection_secrets', key: 'name' },
  { table: 'statistics_pending', key: 'id' },
  { table: 'term_statistics', key: 'term' },
  { table: 'collections', key: 'id' },
  // Written by what deletes documents and chunks: after them.
  { table: 'stored_changes', key: 'collection_id, id' },
  { table: 'token_reservations', key: 'id' },
  { table: 'open_streams', key: 'id' },
  { table: 'idempotency_keys', key: 'caller, key' },
  { table: 'tombstones', key: 's3_key, s3_version_id' },
  { table: 'rate_windows', key: 'key, window_start' },
  { table: 'usage_daily', key: 'ctid' },
  { table: 'usage_events', key: 'at, id' },
  { table: 'messages', key: 'created_at, id' },
  { table: 'queries', key: 'created_at, id' },
  { table: 'conversations', key: 'created_at, id' },
  { table: 'subjects', key: 'id' },
  { table: 'members', key: 'issuer, subject' },
  { table: 'api_keys', key: 'id' },
  { table: 'audit_events', key: 'at, id' },
  { table: 'audit_seals', key: 'number' },
  { table: 'audit_keys', key: 'holder' },
];

/** One row a workspace, or the erasing job itself: they leave together, in the last transaction. */
export const lastRowStores = ['jobs', 'corpus_statistics', 'audit_chains', 'workspaces'] as const;

/** Rows of one statement: a vector in an ANN index costs milliseconds to take out again, and a transaction must stay short. */
export const rowsAtOnce = 2_000;

/** Deletes some rows of a workspace. @returns how many: fewer than `rowsAtOnce` when none are left */
export async function deleteRows(db: Db, workspaceId: string, { table, key }: RowStore): Promise<number> {
  const { count } = await db.query(
    `DELETE FROM dbrag.${table} WHERE workspace_id = $1 AND (${key}) IN (
       SELECT ${key} FROM dbrag.${table} WHERE workspace_id = $1 LIMIT $2)`,
    [workspaceId, rowsAtOnce],
  );
  return count;
}

const everyTable: readonly string[] = [...rowStores.map(({ table }) => table), ...lastRowStores];

/** Rows that are left of a workspace, by table; tables without any are left out. */
export async function remainingRows(
  db: Db,
  workspaceId: string,
  tables: readonly string[] = everyTable,
): Promise<Record<string, number>> {
  const counts = tables.map((table) => {
    const column = table === 'workspaces' ? 'id' : 'workspace_id';
    return `SELECT '${table}' AS store, count(*)::int AS rows FROM dbrag.${table} WHERE ${column} = $1`;
  });
  const { rows } = await db.query<{ store: string; rows: number }>(
    `SELECT store, rows FROM (${counts.join(' UNION ALL ')}) counted WHERE rows > 0`,
    [workspaceId],
  );
  return Object.fromEntries(rows.map((row) => [row.store, row.rows]));
}
