import type { Database, WorkspaceScope } from '../core/database.ts';
import { type CopyPorts, unsureMilliseconds } from './compare-documents.ts';

/** Rows of a workspace in one table that are older than the moment of the copy; of all ages where rows do not say how old they are. */
export interface ComparedCount {
  readonly table: string;
  readonly source: number;
  readonly copy: number;
  /** Rows come with the time and are never older than it: what the copy has less of was lost. */
  readonly lost: boolean;
}

interface CountedTable {
  readonly name: string;
  /** The column that says when a row was made; null where none does. */
  readonly made: string | null;
}

/** Every table whose rows belong to workspaces; partitions are counted with their parents. */
async function countedTables(database: Database): Promise<readonly CountedTable[]> {
  const { rows } = await database.inSystem((db) =>
    db.query<CountedTable>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name,
         (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('created_at', 'at') AND NOT a.attisdropped
          ORDER BY a.attname DESC LIMIT 1) AS made
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'dbrag' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
         AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped)
       ORDER BY c.relname`,
    ),
  );
  return rows;
}

/** Counts a workspace's rows in both, table by table. */
export async function compareCounts(
  { source, copy, moment }: CopyPorts,
  workspaceId: string,
): Promise<readonly ComparedCount[]> {
  const scope: WorkspaceScope = { workspaceId };
  const tables = await countedTables(copy);
  const sure = new Date(moment.getTime() - unsureMilliseconds);
  const count = (database: Database, { name, made }: CountedTable) =>
    database.inWorkspace(scope, async (db) => {
      const { rows } = await db.query<{ rows: number }>(
        `SELECT count(*)::int AS rows FROM ${name} WHERE workspace_id = $1${made === null ? '' : ` AND ${made} <= $2`}`,
        made === null ? [workspaceId] : [workspaceId, sure],
      );
      return rows[0]?.rows ?? 0;
    });
  const counts: ComparedCount[] = [];
  for (const table of tables) {
    const [here, there] = await Promise.all([count(source, table), count(copy, table)]);
    counts.push({ table: table.name, source: here, copy: there, lost: table.made !== null && there < here });
  }
  return counts;
}
