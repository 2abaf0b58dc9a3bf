import type { Db } from '../core/database.ts';
import { lockDocuments } from './set-version-status.ts';

/** Versions of one transaction and night: nearly always there are none. */
const forgottenAtOnce = 1_000;

/**
 * Notes it of versions of which nobody has: they ended before there was a note, or under code that knew of none.
 * @returns whether anything of the workspace is to be removed
 */
export async function retireForgotten(db: Db, workspaceId: string): Promise<boolean> {
  const { rows } = await db.query<{ document_id: string; version: number }>(
    `SELECT v.document_id, v.version FROM dbrag.document_versions v
     JOIN dbrag.documents d ON d.workspace_id = $1 AND d.id = v.document_id
     WHERE v.workspace_id = $1 AND v.retired_at IS NULL AND v.status IN ('ready', 'failed', 'cancelled')
       AND d.live_version IS DISTINCT FROM v.version AND d.status <> 'deleting' LIMIT $2`,
    [workspaceId, forgottenAtOnce],
  );
  if (rows.length > 0) await retire(db, workspaceId, rows);
  const { count } = await db.query(
    'SELECT FROM dbrag.document_versions WHERE workspace_id = $1 AND retired_at IS NOT NULL AND removed_at IS NULL LIMIT 1',
    [workspaceId],
  );
  return count > 0;
}

/** Those that still serve nobody once their documents are locked: in between, one may have been retried and gone live. */
async function retire(
  db: Db,
  workspaceId: string,
  versions: readonly { readonly document_id: string; readonly version: number }[],
): Promise<void> {
  const documentIds = [...new Set(versions.map((row) => row.document_id))];
  await lockDocuments(db, workspaceId, documentIds);
  await db.query(
    `UPDATE dbrag.document_versions v SET retired_at = now()
     FROM unnest($2::uuid[], $3::int[]) AS f (document_id, version)
     JOIN dbrag.documents d ON d.workspace_id = $1 AND d.id = f.document_id
     WHERE v.workspace_id = $1 AND v.document_id = f.document_id AND v.version = f.version
       AND v.retired_at IS NULL AND v.status IN ('ready', 'failed', 'cancelled') AND d.live_version IS DISTINCT FROM v.version`,
    [workspaceId, versions.map((row) => row.document_id), versions.map((row) => row.version)],
  );
}
