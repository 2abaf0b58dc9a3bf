import type { Db } from '../core/database.ts';
import type { LeasedChunk } from './lease-pending.ts';
import type { PendingPool } from './pending-pool.ts';
import { lockDocuments } from './set-version-status.ts';

/**
 * Puts leased chunks back, not to be leased again for `seconds`, and records on their versions until when they wait. Chunks that another worker
 * has taken meanwhile are left to it.
 * Nothing has failed: the provider asked for time, so no try is counted. Locks documents and versions before pending embeddings, in the order of all writers.
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

/** Records on the unfinished versions of some documents until when they wait for the provider. Locks in the order of all writers of vectors. */
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
