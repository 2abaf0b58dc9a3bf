import type { Database } from '../core/database.ts';

const workspacesAtOnce = 100;

/** Removes answers under idempotency keys and tombstones whose time is over, workspace by workspace. */
export async function expireRecords(database: Database): Promise<void> {
  for await (const workspaceId of workspaceIds(database)) {
    await database.inWorkspace({ workspaceId }, async (db) => {
      await db.query('DELETE FROM dbrag.idempotency_keys WHERE workspace_id = $1 AND expires_at < now()', [
        workspaceId,
      ]);
      await db.query('DELETE FROM dbrag.tombstones WHERE workspace_id = $1 AND expires_at < now()', [workspaceId]);
    });
  }
}

async function* workspaceIds(database: Database): AsyncGenerator<string> {
  let after: string | null = null;
  for (;;) {
    const page: readonly { id: string }[] = (
      await database.inSystem((db) =>
        db.query<{ id: string }>('SELECT id FROM dbrag.list_workspaces($1, $2)', [after, workspacesAtOnce]),
      )
    ).rows;
    for (const { id } of page) yield id;
    after = page.at(-1)?.id ?? null;
    if (page.length < workspacesAtOnce) return;
  }
}
