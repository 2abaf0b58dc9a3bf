import { type Db, HalfvecArray } from '../core/database.ts';
import type { ModelPrice } from '../usage/prices.ts';
import { recordUsage, type UsageEvent } from '../usage/record-usage.ts';
import { finishVersions } from './finish-versions.ts';
import type { PendingPool } from './pending-pool.ts';
import { lockDocuments, type MovedVersion } from './set-version-status.ts';

/** A vector for a chunk of a document. */
export interface FilledChunk {
  readonly documentId: string;
  readonly contentHash: Buffer;
  /** The holder of the lease under which it was embedded. */
  readonly leasedBy: string;
  readonly vector: Float32Array;
}

export interface CommitOptions {
  /** The space of the vectors; default: the pool's own. */
  readonly model?: string;
  readonly prices?: readonly ModelPrice[];
}

/**
 * Stores vectors of some documents: embeddings, counters, usage, and the swap of every version that is complete now. Counts follow from the
 * rows that were really inserted, so a second worker with the same vectors changes nothing. All documents are stored at once, since
 * round trips are most of what a small document costs; they are locked in the order used everywhere, so this cannot deadlock.
 *
 * A chunk is in one space at a time. A vector of the fallback space leaves the purchase in its own space pending; the vector of its own
 * space replaces it later.
 * @returns the versions that became ready
 */
export async function commitEmbeddings(
  db: Db,
  pool: PendingPool,
  filled: readonly FilledChunk[],
  { model = pool.model, prices }: CommitOptions = {},
): Promise<readonly MovedVersion[]> {
  const { workspaceId } = pool;
  const documentIds = [...new Set(filled.map((chunk) => chunk.documentId))];
  const locked = new Set(await lockDocuments(db, workspaceId, documentIds));
  const wanted = filled.filter((chunk) => locked.has(chunk.documentId));
  const inserted = wanted.length > 0 ? await insertEmbeddings(db, workspaceId, model, wanted) : [];
  const metered = recordUsage(db, workspaceId, inserted, prices);
  if (model === pool.model) {
    const [bridged] = await Promise.all([deletePending(db, pool, filled), metered]);
    if (bridged.length > 0) await leaveFallback(db, pool, bridged);
  } else await Promise.all([noteFallback(db, pool, model, filled), metered]);
  return finishVersions(db, workspaceId, pool, [...locked]);
}

/**
 * Counts belong to the version under way: purchases of overtaken versions are dropped, so there is only one. (Looking each chunk up in
 * `placements` takes seconds on tables that were never analysed, where its two indexes look equally good.)
 * @returns usage by document, only of vectors that were new and whose chunk still exists
 */
async function insertEmbeddings(
  db: Db,
  workspaceId: string,
  model: string,
  filled: readonly FilledChunk[],
): Promise<UsageEvent[]> {
  const { rows } = await db.query<{
    document_id: string;
    collection_id: string;
    version: number | null;
    tokens: number;
  }>(
    `WITH inserted AS (
       INSERT INTO dbrag.embeddings (workspace_id, document_id, content_hash, model, collection_id, embedding)
       SELECT $1, c.document_id, c.content_hash, $2, c.collection_id, f.embedding
       FROM unnest($3::uuid[], $4::bytea[], $5::halfvec[]) AS f (document_id, content_hash, embedding)
       JOIN dbrag.chunks c ON c.workspace_id = $1 AND c.document_id = f.document_id AND c.content_hash = f.content_hash
       ON CONFLICT DO NOTHING
       RETURNING document_id, content_hash, collection_id
     ), bought AS (
       SELECT i.document_id, i.collection_id, count(*)::int AS chunks, sum(c.token_count)::float8 AS tokens
       FROM inserted i
       JOIN dbrag.chunks c ON c.workspace_id = $1 AND c.document_id = i.document_id AND c.content_hash = i.content_hash
       GROUP BY i.document_id, i.collection_id
     ), counted AS (
       UPDATE dbrag.document_versions v SET embedded = v.embedded + bought.chunks, waiting_until = NULL
       FROM bought JOIN dbrag.documents d ON d.workspace_id = $1 AND d.id = bought.document_id
       WHERE v.workspace_id = $1 AND v.document_id = d.id AND v.version = d.version AND v.status = 'processing'
       RETURNING v.document_id, v.version
     )
     SELECT bought.document_id, bought.collection_id, bought.tokens, counted.version
     FROM bought LEFT JOIN counted USING (document_id)`,
    [
      workspaceId,
      model,
      filled.map((chunk) => chunk.documentId),
      filled.map((chunk) => chunk.contentHash),
      new HalfvecArray(filled.map((chunk) => chunk.vector)),
    ],
  );
  return rows.map((row) => ({
    operation: 'ingest',
    model,
    documentId: row.document_id,
    collectionId: row.collection_id,
    version: row.version,
    embeddingTokens: row.tokens,
  }));
}

interface BridgedChunk {
  readonly document_id: string;
  readonly content_hash: Buffer;
  readonly fallback_model: string | null;
}

/** @returns those that had a vector in a fallback space */
async function deletePending(db: Db, pool: PendingPool, filled: readonly FilledChunk[]): Promise<BridgedChunk[]> {
  const { rows } = await db.query<BridgedChunk>(
    `WITH gone AS (
       DELETE FROM dbrag.pending_embeddings p USING unnest($3::uuid[], $4::bytea[]) AS f (document_id, content_hash)
       WHERE p.workspace_id = $1 AND p.document_id = f.document_id AND p.content_hash = f.content_hash AND p.model = $2
       RETURNING p.document_id, p.content_hash, p.fallback_model
     )
     SELECT * FROM gone WHERE fallback_model IS NOT NULL`,
    [pool.workspaceId, pool.model, ...keysOf(filled)],
  );
  return [...rows];
}

/** Removes them from the fallback space. A version under way counted them when the fallback's vector came. */
async function leaveFallback(db: Db, { workspaceId }: PendingPool, chunks: readonly BridgedChunk[]): Promise<void> {
  const documentIds = chunks.map((chunk) => chunk.document_id);
  await db.query(
    `DELETE FROM dbrag.embeddings e USING unnest($2::uuid[], $3::bytea[], $4::text[]) AS f (document_id, content_hash, model)
     WHERE e.workspace_id = $1 AND e.document_id = f.document_id AND e.content_hash = f.content_hash AND e.model = f.model`,
    [workspaceId, documentIds, chunks.map((chunk) => chunk.content_hash), chunks.map((chunk) => chunk.fallback_model)],
  );
  await db.query(
    `UPDATE dbrag.document_versions v SET embedded = greatest(0, v.embedded - f.chunks)
     FROM (SELECT document_id, count(*)::int AS chunks FROM unnest($2::uuid[]) AS f (document_id) GROUP BY document_id) f
     JOIN dbrag.documents d ON d.workspace_id = $1 AND d.id = f.document_id
     WHERE v.workspace_id = $1 AND v.document_id = d.id AND v.version = d.version AND v.status = 'processing'`,
    [workspaceId, documentIds],
  );
}

/** From now on they are found in the fallback space; they stay pending in their own space, under the current lease. */
async function noteFallback(db: Db, pool: PendingPool, model: string, filled: readonly FilledChunk[]): Promise<void> {
  await db.query(
    `UPDATE dbrag.pending_embeddings p
     SET fallback_model = $5,
       leased_by = CASE WHEN p.leased_by IS DISTINCT FROM f.leased_by THEN p.leased_by END,
       leased_until = CASE WHEN p.leased_by IS DISTINCT FROM f.leased_by THEN p.leased_until END,
       tries = CASE WHEN p.leased_by IS DISTINCT FROM f.leased_by THEN p.tries ELSE greatest(0, p.tries - 1) END
     FROM unnest($3::uuid[], $4::bytea[], $6::uuid[]) AS f (document_id, content_hash, leased_by)
     WHERE p.workspace_id = $1 AND p.document_id = f.document_id AND p.content_hash = f.content_hash AND p.model = $2`,
    [pool.workspaceId, pool.model, ...keysOf(filled), model, filled.map((chunk) => chunk.leasedBy)],
  );
}

function keysOf(filled: readonly FilledChunk[]): [documentIds: string[], contentHashes: Buffer[]] {
  return [filled.map((chunk) => chunk.documentId), filled.map((chunk) => chunk.contentHash)];
}
