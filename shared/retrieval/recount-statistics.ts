import type { Db } from '../core/database.ts';

/** Counting takes about 0.1 ms a chunk; where there are more, the sum of the differences is believed. */
const mostChunks = 100_000;

/**
 * Counts the statistics of live text from the chunks themselves, where something changed since they were counted last: differences add
 * up exactly, but an operator's hand or a restored backup leaves none. One statement sees live versions and pending differences in
 * one snapshot, and a swap commits both at once, so what it has counted it takes out of the pending ones.
 * @returns whether it counted
 */
export async function recountStatistics(db: Db, workspaceId: string): Promise<boolean> {
  const claimed = await db.query(
    `SELECT FROM dbrag.corpus_statistics
     WHERE workspace_id = $1 AND chunks <= ${mostChunks} AND (counted_at IS NULL OR folded_at > counted_at)
     FOR UPDATE SKIP LOCKED`,
    [workspaceId],
  );
  if (claimed.count === 0) return false;
  await db.query(
    `WITH pending AS (
       DELETE FROM dbrag.statistics_pending WHERE workspace_id = $1
     ), live AS MATERIALIZED (
       SELECT c.search, c.language FROM (
         SELECT DISTINCT p.document_id, p.content_hash FROM dbrag.documents d
         JOIN dbrag.placements p ON p.workspace_id = $1 AND p.document_id = d.id AND p.version = d.live_version
         WHERE d.workspace_id = $1
       ) AS placed
       JOIN dbrag.chunks c ON c.workspace_id = $1 AND c.document_id = placed.document_id AND c.content_hash = placed.content_hash
     ), counted AS MATERIALIZED (
       SELECT dbrag.term_of(t.lexeme) AS term, count(*) AS chunks, sum(cardinality(t.positions)) AS tokens
       FROM live, unnest(live.search) AS t GROUP BY 1
     ), gone AS (
       DELETE FROM dbrag.term_statistics t
       WHERE t.workspace_id = $1 AND NOT EXISTS (SELECT FROM counted WHERE counted.term = t.term)
     ), terms AS (
       INSERT INTO dbrag.term_statistics AS known (workspace_id, term, chunks)
       SELECT $1, term, chunks FROM counted ORDER BY term
       ON CONFLICT (workspace_id, term) DO UPDATE SET chunks = excluded.chunks WHERE known.chunks <> excluded.chunks
     )
     UPDATE dbrag.corpus_statistics
     SET chunks = (SELECT count(*) FROM live), tokens = (SELECT coalesce(sum(tokens), 0) FROM counted),
       languages = ARRAY(SELECT DISTINCT language FROM live ORDER BY 1),
       folded_at = clock_timestamp(), counted_at = clock_timestamp()
     WHERE workspace_id = $1`,
    [workspaceId],
  );
  return true;
}
