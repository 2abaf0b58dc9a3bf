import type { Db } from '../core/database.ts';
import type { LeaseRequest } from './find-candidates.ts';
import { begunTooOften } from './give-up.ts';
import { hold, type LeasedChunk } from './lease-pending.ts';
import { type PendingPool, workspaceStays } from './pending-pool.ts';

/**
 * Takes one chunk that the model failed at alone before, and that has waited for long enough: those of the documents asked for first.
 * @returns undefined: there is none
 */
export async function leaseFailed(
  db: Db,
  pool: PendingPool,
  request: Pick<LeaseRequest, 'documentIds' | 'alone' | 'leaseSeconds' | 'leasedBy'>,
): Promise<LeasedChunk | undefined> {
  const { rows } = await db.query<{ document_id: string; content_hash: Buffer }>(
    `SELECT document_id, content_hash FROM dbrag.pending_embeddings
     WHERE workspace_id = $1 AND priority = $2 AND model = $3 AND failures > 0 AND (leased_until IS NULL OR leased_until <= now())
       AND (document_id = ANY($4::uuid[]) OR (tries < ${begunTooOften} AND NOT $5)) AND ${workspaceStays}
     ORDER BY document_id = ANY($4::uuid[]) DESC, leased_until NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED`,
    [pool.workspaceId, pool.priority, pool.model, request.documentIds, request.alone ?? false],
  );
  const [chunk] = rows.length > 0 ? await hold(db, pool, request, rows) : [];
  return chunk;
}
