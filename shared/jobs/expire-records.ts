import { walkWorkspaces } from '../access/walk-workspaces.ts';
import type { Database } from '../core/database.ts';

/** Removes answers under idempotency keys, tombstones and counts of requests whose time is over, workspace by workspace. */
export async function expireRecords(database: Database): Promise<void> {
  for await (const workspaceId of walkWorkspaces(database)) {
    await database.inWorkspace({ workspaceId }, async (db) => {
      await db.query('DELETE FROM dbrag.idempotency_keys WHERE workspace_id = $1 AND expires_at < now()', [
        workspaceId,
      ]);
      await db.query(
        `DELETE FROM dbrag.rate_windows WHERE workspace_id = $1 AND window_start < now() - interval '2 days'`,
        [workspaceId],
      );
      await db.query('DELETE FROM dbrag.tombstones WHERE workspace_id = $1 AND expires_at < now()', [workspaceId]);
    });
  }
}
