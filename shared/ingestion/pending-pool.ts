import type { Db } from '../core/database.ts';
import type { Priority } from '../core/work-queue.ts';

/** A worker's pool: the pending embeddings of one workspace in one space, at one priority. */
export interface PendingPool {
  readonly workspaceId: string;
  readonly model: string;
  readonly priority: Priority;
  /** The space of the stage's fallback model: a chunk that has a vector there is searched there. */
  readonly fallback?: string | null;
}

/**
 * Of `$1`, in SQL. Nothing is bought for a workspace that is being erased, and nobody comes back for what is left there: what a worker
 * adds behind the erasure has lost its text, and whoever waits for that comes every second until the erasure goes on.
 */
export const workspaceStays = `EXISTS (SELECT FROM dbrag.workspaces WHERE id = $1 AND status = 'active')`;

/** Documents in the order in which they are served when some of them may be what kills its workers. */
export async function leastTriedFirst(db: Db, pool: PendingPool, documentIds: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ document_id: string }>(
    `SELECT document_id FROM dbrag.pending_embeddings
     WHERE workspace_id = $1 AND document_id = ANY($2::uuid[]) AND priority = $3 AND model = $4
     GROUP BY document_id ORDER BY max(tries), document_id`,
    [pool.workspaceId, documentIds, pool.priority, pool.model],
  );
  return rows.map((row) => row.document_id);
}

/** The chunk of the pool whose lease ends first, and in how many seconds; undefined: nothing is leased. */
export async function findHeld(
  db: Db,
  pool: PendingPool,
): Promise<{ readonly documentId: string; readonly seconds: number } | undefined> {
  const { rows } = await db.query<{ document_id: string; seconds: number }>(
    `SELECT document_id, ceil(extract(epoch FROM leased_until - now()))::int AS seconds FROM dbrag.pending_embeddings
     WHERE workspace_id = $1 AND priority = $2 AND model = $3 AND leased_until > now() AND leased_until < 'infinity'
     ORDER BY leased_until LIMIT 1`,
    [pool.workspaceId, pool.priority, pool.model],
  );
  const row = rows[0];
  return row && { documentId: row.document_id, seconds: row.seconds };
}
