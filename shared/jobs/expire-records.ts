import type { Db } from '../core/database.ts';

/** Removes answers under idempotency keys, tombstones and counts of requests of a workspace whose time is over. */
export async function expireRecords(db: Db, workspaceId: string): Promise<void> {
  await db.query('DELETE FROM dbrag.idempotency_keys WHERE workspace_id = $1 AND expires_at < now()', [workspaceId]);
  await db.query(
    `DELETE FROM dbrag.rate_windows WHERE workspace_id = $1 AND window_start < now() - interval '2 days'`,
    [workspaceId],
  );
  await db.query('DELETE FROM dbrag.tombstones WHERE workspace_id = $1 AND expires_at < now()', [workspaceId]);
}
