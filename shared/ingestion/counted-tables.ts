import type { Database } from '../core/database.ts';

export interface CountedTable {
  readonly name: string;
  /** The column that says when a row was made; null where none does. */
  readonly made: string | null;
  /** The primary key behind the workspace, in its order; empty where a workspace has few rows or one. */
  readonly keys: readonly { readonly name: string; readonly type: string }[];
}

/**
 * Every table whose rows belong to workspaces, by name; partitions are counted with their parents. An event of the audit trail may be written hours after
 * what it tells of: where a table says when a row was written, that is when it was made.
 */
export async function countedTables(database: Database): Promise<readonly CountedTable[]> {
  const { rows } = await database.inSystem((db) =>
    db.query<CountedTable>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name,
         (SELECT a.attname FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attname IN ('recorded_at', 'created_at', 'at') AND NOT a.attisdropped
          ORDER BY array_position(ARRAY['recorded_at', 'created_at', 'at'], a.attname::text) LIMIT 1) AS made,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('name', quote_ident(a.attname), 'type', format_type(a.atttypid, a.atttypmod))
            ORDER BY array_position(i.indkey::int2[], a.attnum)), '[]')
          FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
          WHERE i.indrelid = c.oid AND i.indisprimary AND a.attname <> 'workspace_id') AS keys
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'dbrag' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
         AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped)
       ORDER BY c.relname`,
    ),
  );
  return rows;
}
