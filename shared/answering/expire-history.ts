import { defaultRetentionDays } from '../access/workspaces.ts';
import type { Database, Db } from '../core/database.ts';

/** A transaction deletes no more than this: what is left waits for the next one. */
const batch = 5_000;

/** Tables of history, the ones that point at others first, and the time from which on a row is kept. */
const keptFrom = {
  'dbrag.messages': 'created_at',
  'dbrag.queries': 'created_at',
  // The time of its last message: whoever goes on in a conversation finds it, if not what was said in it long ago.
  'dbrag.conversations': 'updated_at',
} as const;

type HistoryTable = keyof typeof keptFrom;
const tables = Object.keys(keptFrom) as HistoryTable[];

/**
 * Removes what is older than the workspace keeps.
 * @param hasTime asked between steps: once it is false, the rows that are left wait for the next night
 */
export async function expireHistory(
  database: Database,
  workspaceId: string,
  hasTime: () => boolean = () => true,
): Promise<void> {
  const days = await database.inWorkspace({ workspaceId }, (db) => retentionDays(db, workspaceId));
  for (const table of tables) {
    while (
      hasTime() &&
      (await database.inWorkspace({ workspaceId }, (db) => expire(db, workspaceId, table, days))) === batch
    );
  }
}

async function retentionDays(db: Db, workspaceId: string): Promise<number> {
  const { rows } = await db.query<{ days: number | null }>(
    `SELECT (settings ->> 'retention_days')::float8 AS days FROM dbrag.workspaces WHERE id = $1`,
    [workspaceId],
  );
  return rows[0]?.days ?? defaultRetentionDays;
}

/** @returns how many rows went */
async function expire(db: Db, workspaceId: string, table: HistoryTable, days: number): Promise<number> {
  const isOver = `${keptFrom[table]} < now() - make_interval(days => $2::int)`;
  // Asked twice: what was found may have been used since. No row is in use before it is made, and that time finds the months.
  const { count } = await db.query(
    `DELETE FROM ${table} WHERE ${isOver} AND (workspace_id, created_at, id) IN (
       SELECT workspace_id, created_at, id FROM ${table}
       WHERE workspace_id = $1 AND created_at < now() - make_interval(days => $2::int) AND ${isOver}
       ORDER BY created_at LIMIT $3)`,
    [workspaceId, days, batch],
  );
  return count;
}

/**
 * Drops the months that no workspace keeps any more, which needs no vacuum; of conversations those in which and before which none is left.
 * Runs as the owner, since only the owner can drop the tables.
 */
export async function dropForgottenMonths(database: Database): Promise<void> {
  await database.inSystem(async (db) => {
    const { rows } = await db.query<{ rows: Date; conversations: Date }>(
      `SELECT forgotten.until AS rows, least(forgotten.until, dbrag.first_conversation(forgotten.until)) AS conversations
       FROM (SELECT now() - make_interval(days => dbrag.longest_retention_days($1)::int) AS until) AS forgotten`,
      [defaultRetentionDays],
    );
    await db.query('SET LOCAL ROLE dbrag_owner');
    for (const table of tables)
      await db.query(`CALL dbrag.drop_months_before('${table}', $1)`, [
        table === 'dbrag.conversations' ? rows[0]?.conversations : rows[0]?.rows,
      ]);
  });
}
