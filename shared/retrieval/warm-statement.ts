import { chunkOf, documentOf, firstPlacement, fusedWithTexts } from './search-statement.ts';

/** Everything that the plan depends on. */
export interface WarmParameters {
  /** UUID. */
  readonly workspaceId: string;
  readonly model: string;
  readonly limit: number;
  /** How many of the nearest are wanted. */
  readonly depth: number;
  /** Null where the index is on the vectors. */
  readonly signs: Signs | null;
}

/** An index on the signs of vectors: bits say little about near neighbours, so the vectors of many candidates decide. */
export interface Signs {
  readonly dimensions: number;
  readonly candidates: number;
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const uuid = (text: string): string => `${literal(text)}::uuid`;

/**
 * The same search for the usual case: a whole workspace that is large enough for its partition's vector index, nothing filtered and
 * nothing demanded. The nearest vectors are asked for in the statement itself. Planned at every call, as the candidate function must,
 * it costs a third more than the search of the index; so it is planned once a connection, and then:
 *
 * * With the model as a literal, the index is known to fit while planning; with the workspace, its one partition. A limit that the
 *   planner does not know it takes for a tenth of the table.
 * * Nothing may hang on what is thought of how many rows there are: row security's conditions are taken for a two-hundredth of the
 *   rows, so the planner would sort "50" of 25,000 vectors, and tables that were small when it planned do not stay so. `ask` plans it
 *   without sorting and without reading whole tables where there is any other way (`byIndex`): the vector index is the only way to the
 *   nearest, and the rest are look-ups by key.
 *
 * Row security holds here as everywhere: `<=>` only orders, it needs no leak-proof operator.
 *
 * The sum is for what comes after: an index that scans on and on gives its rows nearly in order, and the planner would take them for sorted.
 *
 * A few more are fetched than wanted, and those that are placed nowhere in a live version fall out. Whoever gets fewer rows than the
 * limit asks the other statement, which looks until it has them all.
 */
function nearest({ workspaceId, model, depth, signs }: WarmParameters): string {
  return `near AS MATERIALIZED (
  SELECT document_id, content_hash, (embedding <=> $1::halfvec) + 0 AS distance
  FROM dbrag.embeddings
  WHERE workspace_id = ${uuid(workspaceId)} AND model = ${literal(model)}
  ORDER BY ${signs ? bySigns(signs) : 'embedding <=> $1::halfvec'}
  LIMIT ${signs ? signs.candidates : depth + 10}
)`;
}

/** The signs of the question are taken in a query of their own: once, and not again with every candidate. */
function bySigns({ dimensions }: Signs): string {
  const bits = `bit(${dimensions})`;
  return `binary_quantize(embedding)::${bits} <~> (SELECT binary_quantize($1::halfvec)::${bits})`;
}

/** In their order before they are looked up: the limit ends the look-ups. */
const nearestFirst = '(SELECT * FROM near ORDER BY distance, document_id, content_hash) AS near';

/** $1 question vector  $2 with text. Rows as of the other statement. */
export function warmSemanticStatement(parameters: WarmParameters): string {
  const workspace = uuid(parameters.workspaceId);
  return `
WITH ${nearest(parameters)}, visible AS MATERIALIZED (
  SELECT near.document_id, near.content_hash, near.distance, d.name, d.collection_id, d.source_uri, d.live_version, d.metadata,
    p.ordinal, p.location
  FROM ${nearestFirst}
  ${documentOf(workspace, 'near')}
  ${firstPlacement(workspace, 'near')}
  ORDER BY near.distance, near.document_id, near.content_hash
  LIMIT ${parameters.limit}
)
SELECT c.id AS chunk_id, v.document_id, v.name AS document_name, v.collection_id, v.source_uri, v.live_version AS version,
  CASE WHEN $2::boolean THEN c.text END AS text, c.token_count, v.ordinal, v.location, v.metadata,
  row_number() OVER (ORDER BY v.distance, v.document_id, v.content_hash) AS semantic_rank, 1 - v.distance AS semantic_score,
  NULL::bigint AS keyword_rank, NULL::double precision AS keyword_score, 1 - v.distance AS fused_score
FROM visible v
${chunkOf(workspace, 'v')}
ORDER BY v.distance, v.document_id, v.content_hash`;
}

/** $1 question vector  $2 with text  $3 question text  $4 weight of the semantic leg  $5 of the keyword leg */
export function warmHybridStatement(parameters: WarmParameters): string {
  const workspace = uuid(parameters.workspaceId);
  const { limit, depth } = parameters;
  return `
WITH ${nearest(parameters)}, semantic AS MATERIALIZED (
  SELECT near.*, row_number() OVER (ORDER BY near.distance, near.document_id, near.content_hash) AS rank
  FROM ${nearestFirst}
  ${documentOf(workspace, 'near')}
  ${firstPlacement(workspace, 'near')}
  ORDER BY near.distance, near.document_id, near.content_hash
  LIMIT ${depth}
), keyword AS MATERIALIZED (
  SELECT candidate.*, row_number() OVER (ORDER BY score DESC, document_id, content_hash) AS rank
  FROM dbrag.bm25_candidates(
    $3::text,
    coalesce((SELECT nullif(languages, '{}') FROM dbrag.corpus_statistics WHERE workspace_id = ${workspace}), '{english,simple}'),
    NULL, ${depth}, 1, NULL, NULL, NULL) AS candidate
), ${fusedWithTexts({ workspace, limit: String(limit), withText: '$2', semanticWeight: '$4', keywordWeight: '$5' })}`;
}

/**
 * The words alone, of any workspace that is searched as a whole: one plan for all of them. Complete by itself, since its leg looks on until
 * it has what was asked for.
 *
 * $1 workspace  $2 question text  $3 limit  $4 with text
 */
export const warmKeywordStatement = `
WITH found AS MATERIALIZED (
  SELECT * FROM dbrag.bm25_candidates(
    $2::text,
    coalesce((SELECT nullif(languages, '{}') FROM dbrag.corpus_statistics WHERE workspace_id = $1::uuid), '{english,simple}'),
    NULL, $3::integer, $3::integer, NULL, NULL, NULL)
)
SELECT c.id AS chunk_id, k.document_id, d.name AS document_name, d.collection_id, d.source_uri, d.live_version AS version,
  CASE WHEN $4::boolean THEN c.text END AS text, c.token_count, p.ordinal, p.location, d.metadata,
  NULL::bigint AS semantic_rank, NULL::double precision AS semantic_score,
  row_number() OVER (ORDER BY k.score DESC, k.document_id, k.content_hash) AS keyword_rank, k.score AS keyword_score, 0::double precision AS fused_score
FROM (SELECT * FROM found ORDER BY score DESC, document_id, content_hash) AS k
${documentOf('$1::uuid', 'k')}
${chunkOf('$1::uuid', 'k')}
${firstPlacement('$1::uuid', 'k')}
ORDER BY k.score DESC, k.document_id, k.content_hash`;
