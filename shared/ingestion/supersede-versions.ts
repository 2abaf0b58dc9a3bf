import type { Db } from '../core/database.ts';
import type { Failure } from '../jobs/jobs.ts';
import { dropUnwantedPurchases } from './drop-purchases.ts';
import { setVersionStatus } from './set-version-status.ts';

/**
 * Ends what is under way for a document below a version: it is cancelled, its job with it, and what only it wanted to buy is bought
 * no more. The caller has locked the document. A worker that still holds one of these finds no row to commit to.
 */
export async function supersedeVersions(
  db: Db,
  workspaceId: string,
  documentId: string,
  below: number,
  reason?: Failure,
): Promise<void> {
  const { rows } = await db.query<{ version: number }>(
    `SELECT version FROM dbrag.document_versions
     WHERE workspace_id = $1 AND document_id = $2 AND version < $3 AND status IN ('awaiting_upload', 'queued', 'processing')`,
    [workspaceId, documentId, below],
  );
  const versions = rows.map(({ version }) => ({ documentId, version }));
  const error = reason ?? { code: 'superseded', message: `Overtaken by version ${below}.` };
  const ended = await setVersionStatus(db, workspaceId, versions, {
    from: ['awaiting_upload', 'queued', 'processing'],
    to: 'cancelled',
    error,
  });
  if (ended.length > 0) await dropUnwantedPurchases(db, workspaceId, documentId);
  // A version that failed kept its file as long as it was the newest, for it could be tried again: now that leaves too.
  await db.query(
    `UPDATE dbrag.document_versions SET removed_at = NULL
     WHERE workspace_id = $1 AND document_id = $2 AND version = $3 - 1 AND status IN ('failed', 'cancelled') AND removed_at IS NOT NULL`,
    [workspaceId, documentId, below],
  );
}
