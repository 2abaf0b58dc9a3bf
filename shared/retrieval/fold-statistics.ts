import type { Db } from '../core/database.ts';

// More in one transaction would hold the lock on the corpus for longer than a swap should ever wait behind it.
const mostFolded = 1000;

export interface FoldResult {
  /** Differences that were added up. */
  readonly folded: number;
  /** There are more: fold again. */
  readonly more: boolean;
}

/**
 * Adds the differences that swaps and deletions left in `statistics_pending` up into the workspace's statistics. One fold at a
 * time, and at most one every `intervalSeconds`: what comes in between is left for the next. Terms are written sorted, so that
 * folds never wait for each other in a circle.
 */
export async function foldStatistics(db: Db, workspaceId: string, intervalSeconds = 2): Promise<FoldResult> {
  const claimed = await db.query(
    `SELECT FROM dbrag.corpus_statistics
     WHERE workspace_id = $1 AND (folded_at IS NULL OR folded_at <= clock_timestamp() - make_interval(secs => $2))
     FOR UPDATE SKIP LOCKED`,
    [workspaceId, intervalSeconds],
  );
  if (claimed.count === 0) return { folded: 0, more: false };
  const { rows } = await db.query<{ folded: number }>(
    `WITH oldest AS (
       SELECT id FROM dbrag.statistics_pending WHERE workspace_id = $1 ORDER BY id LIMIT ${mostFolded}
     ), taken AS (
       DELETE FROM dbrag.statistics_pending p USING oldest
       WHERE p.workspace_id = $1 AND p.id = oldest.id
       RETURNING p.chunks, p.tokens, p.terms, p.counts, p.languages
     ), terms AS (
       INSERT INTO dbrag.term_statistics AS known (workspace_id, term, chunks)
       SELECT $1, term, sum(count) FROM taken, unnest(taken.terms, taken.counts) AS change (term, count)
       GROUP BY term HAVING sum(count) <> 0 ORDER BY term
       ON CONFLICT (workspace_id, term) DO UPDATE SET chunks = known.chunks + excluded.chunks
     ), total AS (
       SELECT count(*) AS folded, coalesce(sum(chunks), 0) AS chunks, coalesce(sum(tokens), 0) AS tokens FROM taken
     )
     UPDATE dbrag.corpus_statistics c
     SET chunks = c.chunks + total.chunks, tokens = c.tokens + total.tokens, folded_at = clock_timestamp(),
       languages = ARRAY(SELECT unnest(c.languages) UNION SELECT unnest(taken.languages) FROM taken ORDER BY 1)
     FROM total WHERE c.workspace_id = $1
     RETURNING total.folded`,
    [workspaceId],
  );
  const folded = rows[0]?.folded ?? 0;
  return { folded, more: folded === mostFolded };
}
