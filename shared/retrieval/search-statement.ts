interface FusionParameters {
  readonly workspace: string;
  readonly limit: string;
  readonly withText: string;
  readonly semanticWeight: string;
  readonly keywordWeight: string;
}

/** What follows the legs (`semantic` and `keyword`, ranked): fused by rank, the best of them with their texts. */
export function fusedWithTexts({
  workspace,
  limit,
  withText,
  semanticWeight,
  keywordWeight,
}: FusionParameters): string {
  return `fused AS MATERIALIZED (
  SELECT document_id, content_hash, s.rank AS semantic_rank, 1 - s.distance AS semantic_score,
    k.rank AS keyword_rank, k.score AS keyword_score,
    coalesce(${semanticWeight}::double precision / (60 + s.rank), 0)
      + coalesce(${keywordWeight}::double precision / (60 + k.rank), 0) AS fused_score
  FROM semantic s FULL JOIN keyword k USING (document_id, content_hash)
  ORDER BY fused_score DESC, document_id, content_hash
  LIMIT ${limit}
)
SELECT c.id AS chunk_id, f.document_id, d.name AS document_name, d.collection_id, d.source_uri, d.live_version AS version,
  CASE WHEN ${withText}::boolean THEN c.text END AS text, c.token_count, p.ordinal, p.location, d.metadata,
  f.semantic_rank, f.semantic_score, f.keyword_rank, f.keyword_score, f.fused_score
FROM fused f
${documentOf(workspace, 'f')}
${chunkOf(workspace, 'f')}
${firstPlacement(workspace, 'f')}
ORDER BY f.fused_score DESC, f.document_id, f.content_hash`;
}

/**
 * Look-ups of one row by its whole key, over the alias `of` of a chunk. LIMIT keeps them look-ups: as joins they are planned by
 * statistics, which may know nothing of the rows, and a table is read from end to end.
 */
export function documentOf(workspace: string, of: string): string {
  return `CROSS JOIN LATERAL (
  SELECT name, collection_id, source_uri, live_version, metadata FROM dbrag.documents
  WHERE workspace_id = ${workspace} AND id = ${of}.document_id AND status <> 'deleting' LIMIT 1
) d`;
}

export function chunkOf(workspace: string, of: string): string {
  return `CROSS JOIN LATERAL (
  SELECT id, text, token_count FROM dbrag.chunks
  WHERE workspace_id = ${workspace} AND document_id = ${of}.document_id AND content_hash = ${of}.content_hash LIMIT 1
) c`;
}

/**
 * Where a chunk stands first in its document's live version, over aliases `d` of documents and `of` of the chunk: gone if nowhere.
 * By a sum, which no index can order: by that of the versions, all placements of a large document would be passed.
 */
export function firstPlacement(workspace: string, of: string): string {
  return `CROSS JOIN LATERAL (
  SELECT ordinal, location FROM dbrag.placements
  WHERE workspace_id = ${workspace} AND document_id = ${of}.document_id AND content_hash = ${of}.content_hash
    AND version = d.live_version
  ORDER BY ordinal + 0 LIMIT 1
) p`;
}

const nearestIn = (vector: string, space: string): string => `
  SELECT candidate.*, row_number() OVER (ORDER BY distance, document_id, content_hash) AS rank
  FROM narrowed, dbrag.nearest_candidates(
    ${vector}::halfvec, ${space}::text, demanded, $7::integer, $8::uuid[], $9::jsonpath, documents, $12::integer) AS candidate
  WHERE ${vector}::halfvec IS NOT NULL`;

/** A chunk has its vector in one space; while it moves, one that is seen in both counts where it is nearer the top. */
const nearestInBoth = `
  SELECT DISTINCT ON (document_id, content_hash) * FROM (${nearestIn('$2', '$3')}
  UNION ALL${nearestIn('$17', '$18')}
  ) AS either ORDER BY document_id, content_hash, rank`;

/**
 * One statement for all legs, fused, with their texts. The legs are definer functions that give keys and scores; documents, chunks
 * and placements are read here under row security.
 *
 * Fusion is reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009): the sum of weight / (60 + rank) over the legs, which
 * needs no scores that could be compared.
 *
 * $1 workspace  $2 question vector or null  $3 model  $4 question text or null  $5 languages, or null: the workspace's  $6 limit
 * $7 depth of a leg  $8 collections or null  $9 filter as jsonpath or null  $10 with text  $11 keyword hits that must not be missed
 * $12 few chunks  $13 demanded phrases  $14 excluded words  $15 weight of a semantic leg  $16 of the keyword leg
 */
const statementOf = (semantic: string): string => `
WITH narrowed AS MATERIALIZED (
  SELECT dbrag.matching_documents($9::jsonpath, $8::uuid[], $12::integer) AS documents, languages,
    dbrag.demanded_words($13::text[], $14::text[], languages) AS demanded
  FROM coalesce(
    $5::text[],
    (SELECT nullif(languages, '{}') FROM dbrag.corpus_statistics WHERE workspace_id = $1::uuid),
    '{english,simple}'
  ) AS languages
), semantic AS MATERIALIZED (${semantic}
), keyword AS MATERIALIZED (
  SELECT candidate.*, row_number() OVER (ORDER BY score DESC, document_id, content_hash) AS rank
  FROM narrowed, dbrag.bm25_candidates(
    $4::text, languages, demanded, $7::integer, $11::integer, $8::uuid[], $9::jsonpath, documents) AS candidate
  WHERE $4::text IS NOT NULL
), ${fusedWithTexts({ workspace: '$1::uuid', limit: '$6::integer', withText: '$10', semanticWeight: '$15', keywordWeight: '$16' })}`;

export const searchStatement = statementOf(nearestIn('$2', '$3'));

/** While some chunks have their vector in a second space: a leg more. $17 question vector there or null  $18 its model */
export const searchStatementOfTwoSpaces = statementOf(nearestInBoth);

export interface SearchRow {
  readonly chunk_id: string;
  readonly document_id: string;
  readonly document_name: string;
  readonly collection_id: string;
  readonly source_uri: string | null;
  readonly version: number;
  readonly text: string | null;
  readonly token_count: number;
  readonly ordinal: number;
  readonly location: ChunkLocation;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly semantic_rank: number | null;
  readonly semantic_score: number | null;
  readonly keyword_rank: number | null;
  readonly keyword_score: number | null;
  readonly fused_score: number;
}

/** Where a chunk stands in its document: characters `start` to `end` of the parsed text. */
export interface ChunkLocation {
  readonly page?: number;
  /** Where the pages after it begin, in chunks that reach over more than one. */
  readonly page_starts?: readonly number[];
  readonly sheet?: string;
  readonly headings: readonly string[];
  readonly start: number;
  readonly end: number;
}
