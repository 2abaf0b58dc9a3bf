import type { Db } from '../core/database.ts';
import { hashSlices } from './hash-slices.ts';
import { termOf } from './leave-statistics.ts';

/**
 * Takes what a document that is being deleted had live out of the statistics, and unsets its live version in the same transaction:
 * done twice, the second changes nothing. The document is locked first: two at once would both see it live and take it out twice.
 */
export async function leaveRemovedStatistics(db: Db, workspaceId: string, documentId: string): Promise<void> {
  const { rows } = await db.query<{ texts: number | null }>(
    `SELECT (SELECT v.chunks FROM dbrag.document_versions v
       WHERE v.workspace_id = $1 AND v.document_id = d.id AND v.version = d.live_version) AS texts
     FROM dbrag.documents d WHERE d.workspace_id = $1 AND d.id = $2 FOR UPDATE`,
    [workspaceId, documentId],
  );
  for (const slice of hashSlices(rows[0]?.texts ?? 0)) await leaveSlice(db, [workspaceId, documentId, ...slice]);
  await db.query(
    `UPDATE dbrag.documents SET live_version = NULL WHERE workspace_id = $1 AND id = $2 AND status = 'deleting'`,
    [workspaceId, documentId],
  );
}

async function leaveSlice(db: Db, values: readonly unknown[]): Promise<void> {
  await db.query(
    `WITH gone AS (
       SELECT DISTINCT c.content_hash, c.search FROM dbrag.documents d
       JOIN dbrag.placements p ON p.workspace_id = $1 AND p.document_id = d.id AND p.version = d.live_version
         AND get_byte(p.content_hash, 0) BETWEEN $3 AND $4
       JOIN dbrag.chunks c ON c.workspace_id = $1 AND c.document_id = d.id AND c.content_hash = p.content_hash
       WHERE d.workspace_id = $1 AND d.id = $2 AND d.status = 'deleting'
     ), terms AS (
       SELECT ${termOf('t.lexeme')} AS term, count(*)::int AS count, sum(cardinality(t.positions)) AS tokens
       FROM gone, unnest(gone.search) AS t GROUP BY 1
     )
     INSERT INTO dbrag.statistics_pending (workspace_id, chunks, tokens, terms, counts)
     SELECT $1, -(SELECT count(*) FROM gone), -coalesce(sum(tokens), 0), coalesce(array_agg(term), '{}'), coalesce(array_agg(-count), '{}')
     FROM terms HAVING EXISTS (SELECT FROM gone)`,
    values,
  );
}
