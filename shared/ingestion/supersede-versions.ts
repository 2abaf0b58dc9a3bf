import type { Db } from '../core/database.ts';
import type { Failure } from '../jobs/jobs.ts';
import { dropUnwantedPurchases } from './drop-purchases.ts';
import { setVersionStatus, type VersionKey } from './set-version-status.ts';

/**
 * Ends unfinished versions of documents below a given version of each: they are cancelled with their jobs, and chunks that only they wanted are
 * no longer embedded. All at once, since a repeated bulk load has a new version of each of its documents. The caller has locked them. A
 * worker that still holds one of these finds no row to commit to.
 * @param overtaken no document twice
 */
export async function supersedeVersions(
  db: Db,
  workspaceId: string,
  overtaken: readonly VersionKey[],
  reason?: Failure,
): Promise<void> {
  if (overtaken.length === 0) return;
  const asked = [
    workspaceId,
    overtaken.map(({ documentId }) => documentId),
    overtaken.map(({ version }) => version),
  ] as const;
  const { rows } = await db.query<{ document_id: string; version: number; below: number }>(
    `SELECT v.document_id, v.version, asked.below FROM dbrag.document_versions v
     JOIN unnest($2::uuid[], $3::int[]) AS asked (document_id, below) ON asked.document_id = v.document_id
     WHERE v.workspace_id = $1 AND v.document_id = ANY($2::uuid[]) AND v.version < asked.below
       AND v.status IN ('awaiting_upload', 'queued', 'processing')`,
    asked,
  );
  for (const [below, same] of Map.groupBy(rows, (row) => (reason ? 0 : row.below))) {
    const ended = await setVersionStatus(
      db,
      workspaceId,
      same.map((row) => ({ documentId: row.document_id, version: row.version })),
      {
        from: ['awaiting_upload', 'queued', 'processing'],
        to: 'cancelled',
        error: reason ?? { code: 'superseded', message: `Overtaken by version ${below}.` },
      },
    );
    for (const documentId of new Set(ended.map((version) => version.documentId)))
      await dropUnwantedPurchases(db, workspaceId, documentId);
  }
  // A version that failed kept its file as long as it was the newest, for it could be tried again: now that leaves too.
  await db.query(
    `UPDATE dbrag.document_versions v SET removed_at = NULL
     FROM unnest($2::uuid[], $3::int[]) AS asked (document_id, below)
     WHERE v.workspace_id = $1 AND v.document_id = ANY($2::uuid[]) AND v.document_id = asked.document_id AND v.version = asked.below - 1
       AND v.status IN ('failed', 'cancelled') AND v.removed_at IS NOT NULL`,
    asked,
  );
}
