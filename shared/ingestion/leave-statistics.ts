import type { Db } from '../core/database.ts';
import { hashSlices } from './hash-slices.ts';
import type { VersionKey } from './set-version-status.ts';

/**
 * The number by which a lexeme is known in `term_statistics` and in `chunks.terms`.
 * @param lexeme a SQL expression of type text
 */
export function termOf(lexeme: string): string {
  return `dbrag.term_of(${lexeme})`;
}

/**
 * Leaves what a swap is about to change in the statistics of live text: chunks that come and chunks that go, by term. Only the
 * difference is left, in a row for each slice of its texts; a fold adds the rows up later. Called before `live_version` moves, in the same transaction.
 * @param texts about how many texts come and go
 */
export async function leaveStatisticsDifference(
  db: Db,
  workspaceId: string,
  coming: readonly VersionKey[],
  texts: number,
): Promise<void> {
  const documentIds = coming.map((version) => version.documentId);
  const versions = coming.map((version) => version.version);
  for (const slice of hashSlices(texts)) await leaveSlice(db, [workspaceId, documentIds, versions, ...slice]);
}

async function leaveSlice(db: Db, values: readonly unknown[]): Promise<void> {
  await db.query(
    `WITH coming AS (
       SELECT document_id, max(version) AS version FROM unnest($2::uuid[], $3::int[]) AS c (document_id, version) GROUP BY document_id
     ), swaps AS (
       SELECT c.document_id, c.version AS comes, d.live_version AS goes FROM coming c
       JOIN dbrag.documents d ON d.workspace_id = $1 AND d.id = c.document_id
       WHERE coalesce(d.live_version, 0) < c.version
     ), placed AS (
       SELECT p.document_id, p.content_hash, bool_or(p.version = s.comes) AS comes, bool_or(p.version = s.goes) AS goes
       FROM swaps s
       JOIN dbrag.placements p ON p.workspace_id = $1 AND p.document_id = s.document_id AND p.version IN (s.comes, s.goes)
         AND get_byte(p.content_hash, 0) BETWEEN $4 AND $5
       GROUP BY p.document_id, p.content_hash
     ), changed AS (
       SELECT c.search, c.language, CASE WHEN p.comes THEN 1 ELSE -1 END AS sign
       FROM placed p
       JOIN dbrag.chunks c ON c.workspace_id = $1 AND c.document_id = p.document_id AND c.content_hash = p.content_hash
       WHERE p.comes IS DISTINCT FROM coalesce(p.goes, false)
     ), terms AS (
       SELECT ${termOf('t.lexeme')} AS term, sum(changed.sign)::int AS count, sum(changed.sign * cardinality(t.positions)) AS tokens
       FROM changed, unnest(changed.search) AS t GROUP BY 1
     )
     INSERT INTO dbrag.statistics_pending (workspace_id, chunks, tokens, terms, counts, languages)
     SELECT $1, (SELECT coalesce(sum(sign), 0) FROM changed), coalesce(sum(tokens), 0),
       coalesce(array_agg(term) FILTER (WHERE count <> 0), '{}'), coalesce(array_agg(count) FILTER (WHERE count <> 0), '{}'),
       ARRAY(SELECT DISTINCT language FROM changed WHERE sign = 1)
     FROM terms HAVING EXISTS (SELECT FROM changed)`,
    values,
  );
}
