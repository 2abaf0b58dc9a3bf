import type { Db } from '../core/database.ts';

/** Records that older versions serve nobody from now on: called by the swap, in its transaction. */
export async function retireOvertaken(
  db: Db,
  workspaceId: string,
  live: readonly { readonly documentId: string; readonly version: number }[],
): Promise<void> {
  const overtaking = live.filter(({ version }) => version > 1);
  if (overtaking.length === 0) return;
  await db.query(
    `UPDATE dbrag.document_versions v SET retired_at = now()
     FROM unnest($2::uuid[], $3::int[]) AS live (document_id, version)
     WHERE v.workspace_id = $1 AND v.document_id = ANY($2::uuid[]) AND v.document_id = live.document_id AND v.version < live.version
       AND v.status = 'ready' AND v.retired_at IS NULL`,
    [workspaceId, overtaking.map(({ documentId }) => documentId), overtaking.map(({ version }) => version)],
  );
}
