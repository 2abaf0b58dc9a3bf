import type { Db } from '../core/database.ts';

/** Removes expired idempotent responses, tombstones and rate windows of a workspace. */
export async function expireRecords(db: Db, workspaceId: string): Promise<void> {
  await db.query('DELETE FROM dbrag.idempotency_keys WHERE workspace_id = $1 AND expires_at < now()', [workspaceId]);
  await db.query(
    `DELETE FROM dbrag.rate_windows WHERE workspace_id = $1 AND window_start < now() - interval '2 days'`,
    [workspaceId],
  );
  await db.query('DELETE FROM dbrag.tombstones WHERE workspace_id = $1 AND expires_at < now()', [workspaceId]);
}
