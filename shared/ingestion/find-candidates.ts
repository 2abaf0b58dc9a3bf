import type { Db } from '../core/database.ts';
import type { EmbedderLimits } from '../models/embedder.ts';
import { begunTooOften } from './give-up.ts';
import type { PendingPool } from './pending-pool.ts';

/** A chunk that may be leased, without its text. */
export interface Candidate {
  /** UUID. */
  document_id: string;
  content_hash: Buffer;
  tokens: number;
  /** UTF-8. */
  bytes: number;
}

export interface LeaseRequest {
  /** Documents to be served first. */
  readonly documentIds: readonly string[];
  /** Only these, and nothing of the rest of the pool. */
  readonly alone?: boolean;
  /** 0: only look. */
  readonly maximumRequests: number;
  readonly leaseSeconds: number;
  readonly leasedBy: string;
  readonly limits: EmbedderLimits;
  /** The model is known to be asked for these, whatever its circuit says. */
  readonly isAdmitted?: boolean;
  /** Only chunks that have no vector in the fallback space yet. */
  readonly forFallback?: boolean;
}

/**
 * Never a text that the model failed at alone: it would keep the others of its request from their vectors.
 *
 * A text that was leased this often in vain is leased only for its own message: it may be crashing its workers. The size of each text is a
 * scalar subquery, one look at the index whatever the planner knows of the pool: as a join, 6,000 of them took half a second.
 */
export async function findCandidates(db: Db, pool: PendingPool, request: LeaseRequest): Promise<readonly Candidate[]> {
  // One more than fits, to see that a request is full.
  const limit = request.maximumRequests * request.limits.maximumInputs + 1;
  const { rows } = await db.query<Candidate>(
    `WITH free AS (
       SELECT document_id, content_hash, token_count AS tokens, created_at FROM dbrag.pending_embeddings
       WHERE workspace_id = $1 AND priority = $2 AND model = $3 AND (leased_until IS NULL OR leased_until <= now())
         AND failures = 0 AND tries < ${begunTooOften} AND NOT $6 AND ($7::text IS NULL OR fallback_model IS DISTINCT FROM $7)
       ORDER BY created_at LIMIT $4 FOR UPDATE SKIP LOCKED
     ), own AS (
       SELECT document_id, content_hash, token_count AS tokens, created_at FROM dbrag.pending_embeddings
       WHERE workspace_id = $1 AND document_id = ANY($5::uuid[]) AND priority = $2 AND model = $3
         AND failures = 0 AND (leased_until IS NULL OR leased_until <= now()) AND ($7::text IS NULL OR fallback_model IS DISTINCT FROM $7)
       ORDER BY created_at LIMIT $4 FOR UPDATE SKIP LOCKED
     )
     SELECT document_id, content_hash, tokens, bytes
     FROM (
       SELECT p.*, (SELECT octet_length(c.text) FROM dbrag.chunks c
         WHERE c.workspace_id = $1 AND c.document_id = p.document_id AND c.content_hash = p.content_hash) AS bytes
       FROM (SELECT *, 0 AS turn FROM own UNION ALL SELECT *, 1 FROM free WHERE document_id <> ALL($5::uuid[])) p OFFSET 0) sized
     WHERE bytes IS NOT NULL ORDER BY turn, created_at, document_id LIMIT $4`,
    [
      pool.workspaceId,
      pool.priority,
      pool.model,
      limit,
      request.documentIds,
      request.alone ?? false,
      request.forFallback ? pool.fallback : null,
    ],
  );
  return rows;
}
