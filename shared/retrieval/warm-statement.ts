import { firstPlacement, fusedWithTexts } from './search-statement.ts';

/**
 * The same search for the usual case: a whole workspace that is large enough for its partition's vector index, nothing filtered and
 * nothing demanded. The nearest vectors are asked for in the statement itself, with the model as a literal: the index is known to fit
 * while planning, so one plan serves a connection for good. Planned at every call, as the candidate function must, it costs a third
 * more than the search of the index. Row security holds here as everywhere: `<=>` only orders, it needs no leak-proof operator.
 *
 * The limit is a literal too: of one that it does not know, the planner thinks a tenth of the table, and reads whole tables to join it.
 *
 * The sum is for what comes after: an index that scans on and on gives its rows nearly in order, and the planner would take them for sorted.
 *
 * A few more are fetched than wanted, and those that are placed nowhere in a live version fall out. Whoever gets fewer rows than the
 * limit asks the other statement, which looks until it has them all.
 */
function nearest(model: string, wanted: number): string {
  return `near AS MATERIALIZED (
  SELECT document_id, content_hash, (embedding <=> $2::halfvec) + 0 AS distance
  FROM dbrag.embeddings
  WHERE workspace_id = $1::uuid AND model = '${model.replaceAll("'", "''")}'
  ORDER BY embedding <=> $2::halfvec
  LIMIT ${wanted + 10}
)`;
}

/** $1 workspace  $2 question vector  $3 with text. Rows as of the other statement. */
export function warmSemanticStatement(model: string, limit: number): string {
  return `
WITH ${nearest(model, limit)}, visible AS MATERIALIZED (
  SELECT near.document_id, near.content_hash, near.distance, d.name, d.collection_id, d.source_uri, d.live_version, d.metadata,
    p.ordinal, p.location
  FROM near
  JOIN dbrag.documents d ON d.workspace_id = $1::uuid AND d.id = near.document_id AND d.status <> 'deleting'
  ${firstPlacement('near')}
  ORDER BY near.distance, near.document_id, near.content_hash
  LIMIT ${limit}
)
SELECT c.id AS chunk_id, v.document_id, v.name AS document_name, v.collection_id, v.source_uri, v.live_version AS version,
  CASE WHEN $3::boolean THEN c.text END AS text, c.token_count, v.ordinal, v.location, v.metadata,
  row_number() OVER (ORDER BY v.distance, v.document_id, v.content_hash) AS semantic_rank, 1 - v.distance AS semantic_score,
  NULL::bigint AS keyword_rank, NULL::double precision AS keyword_score, 1 - v.distance AS fused_score
FROM visible v
JOIN dbrag.chunks c ON c.workspace_id = $1::uuid AND c.document_id = v.document_id AND c.content_hash = v.content_hash
ORDER BY v.distance, v.document_id, v.content_hash`;
}

/** $1 workspace  $2 question vector  $3 with text  $4 question text  $5 weight of the semantic leg  $6 of the keyword leg */
export function warmHybridStatement(model: string, limit: number, depth: number): string {
  return `
WITH ${nearest(model, depth)}, semantic AS MATERIALIZED (
  SELECT near.*, row_number() OVER (ORDER BY near.distance, near.document_id, near.content_hash) AS rank
  FROM near
  JOIN dbrag.documents d ON d.workspace_id = $1::uuid AND d.id = near.document_id AND d.status <> 'deleting'
  WHERE EXISTS (SELECT FROM dbrag.placements p WHERE p.workspace_id = $1::uuid AND p.document_id = near.document_id
    AND p.content_hash = near.content_hash AND p.version = d.live_version)
  ORDER BY near.distance, near.document_id, near.content_hash
  LIMIT ${depth}
), keyword AS MATERIALIZED (
  SELECT candidate.*, row_number() OVER (ORDER BY score DESC, document_id, content_hash) AS rank
  FROM dbrag.bm25_candidates(
    $4::text,
    coalesce((SELECT nullif(languages, '{}') FROM dbrag.corpus_statistics WHERE workspace_id = $1::uuid), '{english,simple}'),
    NULL, ${depth}, 1, NULL, NULL, NULL) AS candidate
), ${fusedWithTexts({ limit: String(limit), withText: '$3', semanticWeight: '$5', keywordWeight: '$6' })}`;
}
