import { defaultRetentionDays } from '../access/workspaces.ts';
import type { Database, Db } from '../core/database.ts';

/** A transaction deletes no more than this: what is left waits for the next one. */
const batch = 5_000;

/** Tables of history, the ones that point at others first. */
const tables = ['dbrag.messages', 'dbrag.queries', 'dbrag.conversations'];

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
async function expire(db: Db, workspaceId: string, table: string, days: number): Promise<number> {
  const { count } = await db.query(
    `DELETE FROM ${table} WHERE (workspace_id, created_at, id) IN (
       SELECT workspace_id, created_at, id FROM ${table}
       WHERE workspace_id = $1 AND created_at < now() - make_interval(days => $2::int) ORDER BY created_at LIMIT $3)`,
    [workspaceId, days, batch],
  );
  return count;
}

/** Drops the months that no workspace keeps any more, which needs no vacuum. Runs as the owner, since only the owner can drop the tables. */
export async function dropForgottenMonths(database: Database): Promise<void> {
  await database.inSystem(async (db) => {
    const { rows } = await db.query<{ days: number }>('SELECT dbrag.longest_retention_days($1) AS days', [
      defaultRetentionDays,
    ]);
    await db.query('SET LOCAL ROLE dbrag_owner');
    for (const table of tables)
      await db.query(`CALL dbrag.drop_months_before('${table}', now() - make_interval(days => $1::int))`, [
        rows[0]?.days,
      ]);
  });
}
