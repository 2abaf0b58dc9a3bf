import type { Db } from '../core/database.ts';
import type { PendingPool } from './pending-pool.ts';
import { noteWaiting } from './postpone-chunks.ts';
import { type RefusedChunk, refuseChunks } from './refuse-chunks.ts';
import { lockDocuments } from './set-version-status.ts';

/** What became of chunks that the model failed at alone. */
export interface KeptFailures {
  /** For how long each document waits before it is asked for again: seconds. */
  readonly waits: ReadonlyMap<string, number>;
  /** Chunks that are not asked for again. */
  readonly refused: number;
}

/** Over seven minutes and a half, each time asked three times: a provider that fails at one text for a moment fails no document. */
const mostFailures = 5;
const firstWaitSeconds = 30;

/**
 * Counts that the model failed at each of these chunks alone while it answered a harmless text. From then on a chunk is asked for by itself, after waits
 * that double; after the last failure it is refused. No try is counted: no worker crashed. Chunks that another worker has taken meanwhile are left to it.
 */
export async function keepFailures(db: Db, pool: PendingPool, failed: readonly RefusedChunk[]): Promise<KeptFailures> {
  const documentIds = failed.map(({ chunk }) => chunk.documentId);
  await lockDocuments(db, pool.workspaceId, [...new Set(documentIds)]);
  const { rows } = await db.query<{ place: number; failures: number; seconds: number }>(
    `UPDATE dbrag.pending_embeddings p
     SET failures = p.failures + 1, leased_by = NULL, tries = greatest(0, p.tries - 1),
       leased_until = now() + make_interval(secs => $6 * 2 ^ p.failures)
     FROM unnest($3::uuid[], $4::bytea[], $5::uuid[]) WITH ORDINALITY AS f (document_id, content_hash, leased_by, place)
     WHERE p.workspace_id = $1 AND p.document_id = f.document_id AND p.content_hash = f.content_hash AND p.model = $2
       AND p.leased_by = f.leased_by
     RETURNING f.place::int - 1 AS place, p.failures, ($6 * 2 ^ (p.failures - 1))::float8 AS seconds`,
    [
      pool.workspaceId,
      pool.model,
      documentIds,
      failed.map(({ chunk }) => chunk.contentHash),
      failed.map(({ chunk }) => chunk.leasedBy),
      firstWaitSeconds,
    ],
  );
  const waits = new Map<string, number>();
  const refused: RefusedChunk[] = [];
  for (const { place, failures, seconds } of rows) {
    const { chunk, reason } = failed[place] as RefusedChunk;
    if (failures < mostFailures) waits.set(chunk.documentId, Math.min(seconds, waits.get(chunk.documentId) ?? seconds));
    else refused.push({ chunk, reason: `the model failed at it ${failures} times, and answered others. ${reason}` });
  }
  for (const [seconds, some] of Map.groupBy(waits, ([, wait]) => wait))
    await noteWaiting(
      db,
      pool,
      some.map(([documentId]) => documentId),
      seconds,
    );
  if (refused.length > 0) await refuseChunks(db, pool, refused);
  return { waits, refused: refused.length };
}
