import type { Db } from '../core/database.ts';
import type { Failure } from '../jobs/jobs.ts';
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
}

/**
 * Removes pending purchases of texts that no live or running version of the document places. NOT IN over a list that Postgres
 * hashes: on tables that were never analysed, the join that EXISTS asks for is planned as a nested loop (15 s for 8,700 chunks).
 */
async function dropUnwantedPurchases(db: Db, workspaceId: string, documentId: string): Promise<void> {
  await db.query(
    `DELETE FROM dbrag.pending_embeddings
     WHERE workspace_id = $1 AND document_id = $2 AND content_hash NOT IN (
       SELECT p.content_hash FROM dbrag.placements p
       WHERE p.workspace_id = $1 AND p.document_id = $2 AND p.version = ANY (ARRAY(
         SELECT v.version FROM dbrag.document_versions v
         JOIN dbrag.documents d ON d.workspace_id = v.workspace_id AND d.id = v.document_id
         WHERE v.workspace_id = $1 AND v.document_id = $2 AND d.status <> 'deleting'
           AND (v.status = 'processing' OR v.version = d.live_version))))`,
    [workspaceId, documentId],
  );
}
