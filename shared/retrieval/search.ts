import { type Db, Halfvec } from '../core/database.ts';
import { compileFilter, type Filter } from './filter.ts';
import { parseQuestionWords } from './question-words.ts';
import { type ChunkLocation, type SearchRow, searchStatement, searchStatementOfTwoSpaces } from './search-statement.ts';

export type SearchMode = 'hybrid' | 'semantic' | 'keyword';

export interface SearchRequest {
  readonly workspaceId: string;
  readonly mode: SearchMode;
  /** The question in the space of `model`; null while it cannot be embedded. */
  readonly vector: Float32Array | null;
  readonly model: string;
  /** The question in a second space, where some chunks have their vector meanwhile. */
  readonly bridge?: { readonly model: string; readonly vector: Float32Array } | null;
  /** The question in words; null leaves the keyword leg out. */
  readonly text: string | null;
  /** 1 to 100 hits. */
  readonly limit: number;
  /** Null: every collection that the caller may see. */
  readonly collectionIds?: readonly string[] | null;
  readonly filter?: Filter | null;
  readonly includeText?: boolean;
  /** Text search configurations that the question is read in; else those of the workspace's chunks. */
  readonly languages?: readonly string[];
  readonly fusion?: FusionWeights;
}

/** What a rank in a leg counts when legs are fused. */
export interface FusionWeights {
  readonly semantic: number;
  readonly keyword: number;
}

export const equalWeights: FusionWeights = { semantic: 1, keyword: 1 };

export interface SearchHit {
  readonly chunkId: string;
  readonly documentId: string;
  readonly documentName: string;
  readonly collectionId: string;
  readonly sourceUri: string | null;
  readonly version: number;
  /** Reciprocal rank fusion of several legs; of one, cosine similarity or BM25. Comparable within one answer only. */
  readonly score: number;
  readonly text: string | null;
  readonly tokenCount: number;
  readonly ordinal: number;
  readonly location: ChunkLocation;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly scoring: {
    readonly semanticRank: number | null;
    readonly semanticScore: number | null;
    readonly keywordRank: number | null;
    readonly keywordScore: number | null;
  };
}

/** Each leg looks this deep for fusion, or as deep as the limit. */
export const legDepth = 50;
/** Up to here comparing every vector is faster than an index, and right. */
export const fewChunks = 20_000;

/**
 * The best visible chunks of a workspace, best first: `limit` of them whenever there are as many that the mode can find. Must run
 * inside `inWorkspace` of the same workspace, whose narrowing it obeys.
 */
export async function search(db: Db, request: SearchRequest): Promise<readonly SearchHit[]> {
  const { mode, limit } = request;
  const vector = mode === 'keyword' ? null : request.vector;
  const bridge = (mode !== 'keyword' && request.bridge) || null;
  const text = mode === 'semantic' ? null : request.text;
  const legs = [vector, bridge, text].filter((leg) => leg !== null).length;
  if (legs === 0) return [];
  // A single leg is not fused, so it needs no more than is given back.
  const depth = legs > 1 ? Math.max(legDepth, limit) : limit;
  const words = parseQuestionWords(text ?? '');
  const fusion = request.fusion ?? equalWeights;
  const { rows } = await db.query<SearchRow>(bridge ? searchStatementOfTwoSpaces : searchStatement, [
    request.workspaceId,
    vector && new Halfvec(vector),
    request.model,
    text === null ? null : words.text,
    request.languages ?? null,
    limit,
    depth,
    request.collectionIds ?? null,
    request.filter ? compileFilter(request.filter) : null,
    request.includeText ?? true,
    // Beside the semantic leg, common words would only add noise; alone they are all there is.
    vector === null && bridge === null ? limit : 1,
    fewChunks,
    words.phrases,
    words.excluded,
    fusion.semantic,
    fusion.keyword,
    ...(bridge ? [new Halfvec(bridge.vector), bridge.model] : []),
  ]);
  return rows.map((row) => toHit(row, legs > 1 ? 'fused' : text === null ? 'semantic' : 'keyword'));
}

export function toHit(row: SearchRow, scored: 'fused' | 'semantic' | 'keyword'): SearchHit {
  return {
    chunkId: row.chunk_id,
    documentId: row.document_id,
    documentName: row.document_name,
    collectionId: row.collection_id,
    sourceUri: row.source_uri,
    version: row.version,
    score: row[`${scored}_score`] ?? 0,
    text: row.text,
    tokenCount: row.token_count,
    ordinal: row.ordinal,
    location: row.location,
    metadata: row.metadata,
    scoring: {
      semanticRank: row.semantic_rank,
      semanticScore: row.semantic_score,
      keywordRank: row.keyword_rank,
      keywordScore: row.keyword_score,
    },
  };
}
