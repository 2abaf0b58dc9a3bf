import { walkWorkspaces } from '../access/walk-workspaces.ts';
import type { Database } from '../core/database.ts';
import type { ObjectStore } from '../core/object-store.ts';

/** How many files are checked before a bucket counts as the wrong one: the newest of this many workspaces. */
const workspacesAsked = 50;
const filesOfEach = 4;

/**
 * Whether a bucket is the one that these rows belong to: it holds at least one of the newest files that versions were made from. An empty
 * bucket, a different one, or one restored from an earlier time is not, and does not show which files are gone.
 */
export async function isKnownBucket(database: Database, objects: ObjectStore): Promise<boolean> {
  let asked = 0;
  for await (const workspaceId of walkWorkspaces(database)) {
    const keys = await newestFiles(database, workspaceId);
    const heads = await Promise.all(keys.map((key) => objects.head(key)));
    if (heads.some((head) => head !== undefined)) return true;
    if (keys.length > 0 && ++asked === workspacesAsked) break;
  }
  return false;
}

async function newestFiles(database: Database, workspaceId: string): Promise<string[]> {
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ s3_key: string }>(
      `SELECT v.s3_key FROM dbrag.documents d
       JOIN dbrag.document_versions v ON v.workspace_id = $1 AND v.document_id = d.id AND v.version = d.version
       WHERE d.workspace_id = $1 AND d.status NOT IN ('deleting', 'awaiting_upload') AND v.removed_at IS NULL
       ORDER BY d.created_at DESC LIMIT $2`,
      [workspaceId, filesOfEach],
    ),
  );
  return rows.map((row) => row.s3_key);
}
