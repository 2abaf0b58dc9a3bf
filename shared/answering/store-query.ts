import type { ChangeRequest } from '../access/commit-change.ts';
import { releaseLease, settleLease } from '../access/lease-call.ts';
import { holdSubject } from '../access/subjects.ts';
import type { Db } from '../core/database.ts';
import { publicId, timeOfUuid } from '../core/ids.ts';
import { recordUsage } from '../usage/record-usage.ts';
import type { AnsweredQuery } from './answered-query.ts';
import type { Citation, QuoteCitation, ValueCitation } from './citation.ts';
import { holdConversation } from './conversations.ts';
import type { Passage } from './passages.ts';
import { keptResult, keptSteps } from './stored-result.ts';

/** Who asked, and where: stored with the answer. Ids are UUIDs. */
export interface AskedQuery {
  readonly id: string;
  readonly workspaceId: string;
  readonly actor: string;
  readonly apiKeyId: string | null;
  readonly subjectId: string | null;
  /** As the caller named it. */
  readonly subject: string | null;
  readonly conversationId: string | null;
  /** Null: every collection. */
  readonly collectionIds: readonly string[] | null;
  readonly reasoning: 'direct' | 'decompose';
}

/** A source as it is returned and stored: with public ids; the text is not stored. */
export interface StoredSource {
  readonly n: number;
  readonly kind: 'document';
  readonly document_id: string;
  readonly document_name: string;
  readonly collection_id: string;
  readonly source_uri: string | null;
  readonly version: number;
  readonly chunk_id: string;
  readonly location: Readonly<Record<string, unknown>>;
  readonly score: number;
}

export interface StoredQuote extends Omit<StoredSource, 'score'> {
  readonly quote: string;
  readonly verified: true;
}

/** A value of a result. */
export interface StoredValue {
  readonly n: number;
  readonly kind: 'sql';
  readonly connection_id: string;
  readonly statement: string;
  /** As the rows have it, or as it follows from them. */
  readonly value: string;
  readonly verified: true;
}

export type StoredCitation = StoredQuote | StoredValue;

/**
 * Stores a question with its answer, and meters its cost, in one transaction: stored once, metered once. An answer under an
 * `Idempotency-Key` is stored with it; a failure of the model is not, so that the same call may be tried again.
 * @returns false if it was metered but not stored, because the subject or the conversation is gone
 */
export async function storeQuery(
  db: Db,
  asked: AskedQuery,
  query: AnsweredQuery,
  replay: { readonly request: ChangeRequest; readonly status: number; readonly body: unknown },
): Promise<boolean> {
  // Whom it was asked for may have been erased, or its conversation deleted, while it was answered.
  const isOfSomebody = asked.subjectId === null || (await holdSubject(db, asked.workspaceId, asked.subjectId));
  const hasPlace =
    asked.conversationId === null || (await holdConversation(db, asked.workspaceId, asked.conversationId));
  if (!isOfSomebody || !hasPlace) {
    const usage = isOfSomebody ? query.usage : query.usage.map((event) => ({ ...event, subjectId: null }));
    await recordUsage(db, asked.workspaceId, usage);
    await releaseLease(db, replay.request);
    return false;
  }
  await insertQuery(db, asked, query);
  await recordUsage(db, asked.workspaceId, query.usage);
  if (query.error) await releaseLease(db, replay.request);
  else await settleLease(db, replay.request, replay);
  return true;
}

async function insertQuery(db: Db, asked: AskedQuery, query: AnsweredQuery): Promise<void> {
  const sources = sourcesOf(query.passages);
  const row = {
    workspace_id: asked.workspaceId,
    created_at: timeOfUuid(asked.id),
    id: asked.id,
    actor: asked.actor,
    api_key_id: asked.apiKeyId,
    subject_id: asked.subjectId,
    conversation_id: asked.conversationId,
    collection_ids: asked.collectionIds,
    source_collection_ids: collectionsOf(query.passages),
    connection_ids: query.connectionIds,
    question: query.question,
    reasoning: asked.reasoning,
    route: query.route,
    answer: query.answer,
    answered: query.citations.length > 0,
    citations: JSON.stringify(query.citations.map(citationOf)),
    sources: JSON.stringify(sources),
    steps: JSON.stringify(keptSteps(query.steps)),
    sql: query.results[0] ? JSON.stringify(keptResult(query.results[0])) : null,
    model: query.model,
    provider: query.provider,
    degraded: query.degraded,
    error: query.error && { code: query.error.code, message: query.error.message },
    embedding_tokens: query.embeddingTokens,
    prompt_tokens: query.promptTokens,
    completion_tokens: query.completionTokens,
    cost_usd: query.costUsd.toFixed(12),
    embedding_cache: query.embeddingCache,
    result_cache: query.resultCache,
    removed_marks: query.trace.removedMarks,
    unverified_numbers: query.trace.unverifiedNumbers,
    timing: query.timing,
    total_ms: query.timing.total,
    trace: traceOf(query),
  };
  const columns = Object.keys(row);
  await db.query(
    `INSERT INTO dbrag.queries (${columns.join(', ')}) VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
    Object.values(row),
  );
}

function collectionsOf(passages: readonly Passage[]): string[] {
  return [...new Set(passages.flatMap(({ chunks }) => chunks.map(({ hit }) => hit.collectionId)))];
}

/** One entry a chunk, under the number that the model saw. */
export function sourcesOf(passages: readonly Passage[]): StoredSource[] {
  return passages.flatMap(({ n, chunks }) =>
    chunks.map(({ hit }) => ({ n, ...describedHit(hit), location: { ...hit.location }, score: hit.score })),
  );
}

export function citationOf(citation: Citation): StoredCitation {
  return citation.kind === 'sql' ? citedValue(citation) : quoteOf(citation);
}

function citedValue({ n, result, value }: ValueCitation): StoredValue {
  const { statement, connectionId } = result;
  return { n, kind: 'sql', connection_id: publicId('connection', connectionId), statement, value, verified: true };
}

/** The location is that of the quote itself, within the text of the document; so is the page. */
export function quoteOf({ n, hit, quote }: QuoteCitation): StoredQuote {
  const offset = Math.max(0, (hit.text ?? '').indexOf(quote));
  const start = hit.location.start + offset;
  const { page_starts: starts = [], page, ...place } = hit.location;
  const further = starts.filter((at) => at <= start).length;
  return {
    n,
    ...describedHit(hit),
    location: { ...(page === undefined ? {} : { page: page + further }), ...place, start, end: start + quote.length },
    quote,
    verified: true,
  };
}

function describedHit(hit: QuoteCitation['hit']) {
  return {
    kind: 'document' as const,
    document_id: publicId('document', hit.documentId),
    document_name: hit.documentName,
    collection_id: publicId('collection', hit.collectionId),
    source_uri: hit.sourceUri,
    version: hit.version,
    chunk_id: publicId('chunk', hit.chunkId),
  };
}

function traceOf({ trace, results }: AnsweredQuery) {
  return {
    searches: trace.searches.map(({ question, hits }) => ({
      question,
      hits: hits.map((hit) => ({
        chunk_id: publicId('chunk', hit.chunkId),
        document_id: publicId('document', hit.documentId),
        semantic_rank: hit.scoring.semanticRank,
        semantic_score: hit.scoring.semanticScore,
        keyword_rank: hit.scoring.keywordRank,
        keyword_score: hit.scoring.keywordScore,
        fused_score: hit.score,
      })),
    })),
    chunk_ids: trace.chunkIds.map((id) => publicId('chunk', id)),
    prompt_hash: trace.promptHash,
    removed_marks: trace.removedMarks,
    unverified_numbers: trace.unverifiedNumbers,
    sql: results.map(({ connectionId, statement, tables, rows, truncated }) => ({
      connection_id: publicId('connection', connectionId),
      statement,
      tables,
      row_count: rows.length,
      truncated,
    })),
    model_first_token_ms: trace.modelFirstTokenMilliseconds,
  };
}
