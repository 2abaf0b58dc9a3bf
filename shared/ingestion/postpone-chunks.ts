import type { Db } from '../core/database.ts';
import type { LeasedChunk, PendingPool } from './lease-pending.ts';
import { lockDocuments } from './set-version-status.ts';

/**
 * Puts leased chunks back, to be touched by nobody before `seconds` have passed, and says on their versions until when they wait. What another worker
 * has taken meanwhile is that one's.
 * Nothing has failed: the provider asked for time, and that was no try. Documents and versions before purchases, as whoever ends a version locks them.
 */
export async function postponeChunks(
  db: Db,
  pool: PendingPool,
  chunks: readonly LeasedChunk[],
  seconds: number,
): Promise<void> {
  const documentIds = chunks.map((chunk) => chunk.documentId);
  await noteWaiting(db, pool, [...new Set(documentIds)], seconds);
  await db.query(
    `UPDATE dbrag.pending_embeddings p
     SET leased_by = NULL, tries = greatest(0, tries - 1), leased_until = now() + make_interval(secs => $5)
     FROM unnest($3::uuid[], $4::bytea[], $6::uuid[]) AS f (document_id, content_hash, leased_by)
     WHERE p.workspace_id = $1 AND p.document_id = f.document_id AND p.content_hash = f.content_hash AND p.model = $2
       AND p.leased_by = f.leased_by`,
    [
      pool.workspaceId,
      pool.model,
      documentIds,
      chunks.map((chunk) => chunk.contentHash),
      seconds,
      chunks.map((chunk) => chunk.leasedBy),
    ],
  );
}

/** Says on the versions under way of some documents until when they wait for the provider. Whoever stores vectors of them locks in this order. */
export async function noteWaiting(
  db: Db,
  { workspaceId }: PendingPool,
  documentIds: readonly string[],
  seconds: number,
): Promise<void> {
  const locked = await lockDocuments(db, workspaceId, documentIds);
  await db.query(
    `UPDATE dbrag.document_versions SET waiting_until = now() + make_interval(secs => $3)
     WHERE workspace_id = $1 AND document_id = ANY($2::uuid[]) AND status = 'processing'`,
    [workspaceId, locked, seconds],
  );
}
