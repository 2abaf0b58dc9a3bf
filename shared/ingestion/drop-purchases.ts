import type { Db } from '../core/database.ts';

/**
 * Removes pending purchases of texts that no live or running version of the document contains: only versions that have ended wanted
 * them. The caller has locked the document. NOT IN uses a list that Postgres hashes; on tables that were never analysed, the join of
 * NOT EXISTS is planned as a nested loop (15 s for 8,700 chunks).
 */
export async function dropUnwantedPurchases(db: Db, workspaceId: string, documentId: string): Promise<void> {
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
