import type { Db } from '../core/database.ts';
import type { EmbedderLimits } from '../models/embedder.ts';
import { type PendingPool, workspaceStays } from './pending-pool.ts';

/**
 * While ingestion is still adding chunks, a request that is not full waits for more, for as long as these allow. A small text that a
 * worker has begun with is split in a moment, however slow the machine is.
 */
const stalledAfter = '600 milliseconds';
const waitsAtMost = '5 seconds';
const smallTextBytes = 65_536;

export interface PoolLook {
  /** The document that has waited longest; null: the pool is empty, but for texts that the model failed at alone, or its workspace is being erased. */
  readonly oldest: string | null;
  /** More is coming, so that it pays to wait for it. */
  readonly waits: boolean;
  /** There may be enough for a whole request. */
  readonly mayFill: boolean;
  /** The model's circuit is open. */
  readonly isOpen: boolean;
}

/** English has up to 5 bytes a token, of which 4 are counted as one. */
const mostCountedPerToken = 1.25;

/**
 * Reads what the pool holds without locking it: nearly every nudge of a bulk load ends here. More is coming while versions are not
 * split yet, none has waited for long, and either chunks came a moment ago or a worker is at a small text.
 */
export async function lookAtPool(
  db: Db,
  pool: PendingPool,
  { limits, forFallback = false }: { readonly limits: EmbedderLimits; readonly forFallback?: boolean },
): Promise<PoolLook> {
  const { rows } = await db.query<{
    oldest: string | null;
    inputs: number;
    tokens: number;
    coming: boolean | null;
    open: boolean | null;
  }>(
    `WITH free AS (
       SELECT document_id, token_count, created_at FROM dbrag.pending_embeddings
       WHERE workspace_id = $1 AND priority = $2 AND model = $3 AND failures = 0 AND (leased_until IS NULL OR leased_until <= now())
         AND ($5::text IS NULL OR fallback_model IS DISTINCT FROM $5) AND ${workspaceStays}
       ORDER BY created_at LIMIT $4
     ), pool AS (
       SELECT (SELECT document_id FROM free ORDER BY created_at, document_id LIMIT 1) AS oldest,
         count(*)::int AS inputs, coalesce(sum(token_count), 0)::int AS tokens,
         max(created_at) > now() - interval '${stalledAfter}' AS grows, min(created_at) > now() - interval '${waitsAtMost}' AS fresh
       FROM free
     )
     SELECT oldest, inputs, tokens, (SELECT opened_at IS NOT NULL FROM dbrag.model_circuits WHERE model = $3) AS open,
       CASE WHEN fresh AND $2 <> 'critical' THEN EXISTS (
         SELECT FROM dbrag.document_versions
         WHERE workspace_id = $1 AND priority = $2 AND status IN ('queued', 'processing') AND content_hash IS NULL
           AND (grows OR (bytes <= ${smallTextBytes} AND started_at > now() - interval '${waitsAtMost}'))) END AS coming
     FROM pool`,
    [pool.workspaceId, pool.priority, pool.model, limits.maximumInputs, forFallback ? pool.fallback : null],
  );
  const row = rows[0];
  const tokens = (row?.tokens ?? 0) * mostCountedPerToken;
  return {
    oldest: row?.oldest ?? null,
    waits: (row?.coming ?? false) && !forFallback,
    isOpen: row?.open ?? false,
    mayFill: (row?.inputs ?? 0) >= limits.maximumInputs || tokens >= limits.maximumTokensPerRequest,
  };
}
