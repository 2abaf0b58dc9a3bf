import type { AnsweredQuery } from '../../../shared/answering/answered-query.ts';
import type { Passage } from '../../../shared/answering/passages.ts';
import { type AskedQuery, citationOf, sourcesOf } from '../../../shared/answering/store-query.ts';
import { resultOf, stepOf } from '../../../shared/answering/stored-result.ts';
import { publicId, timeOfUuid } from '../../../shared/core/ids.ts';
import { problemOf } from '../problem.ts';

/** The complete object of an answer, as it is returned once; the history shows the same without the texts of its sources. */
export function queryView(asked: AskedQuery, query: AnsweredQuery, requestId: string) {
  return {
    id: publicId('query', asked.id),
    object: 'query' as const,
    question: query.question,
    route: query.route,
    reasoning: asked.reasoning,
    answer: query.answer,
    citations: query.citations.map(citationOf),
    sources: sourceViews(query.passages),
    sql: query.results[0] ? resultOf(query.results[0]) : null,
    steps: query.steps.map(stepOf),
    model: query.model,
    provider: query.provider,
    removed_marks: query.trace.removedMarks,
    unverified_numbers: query.trace.unverifiedNumbers,
    sources_count: sourcesOf(query.passages).length + query.results.length,
    degraded: query.degraded,
    error: query.error && problemOf(query.error, requestId),
    usage: {
      embedding_tokens: query.embeddingTokens,
      prompt_tokens: query.promptTokens,
      completion_tokens: query.completionTokens,
      cost_usd: query.costUsd,
    },
    cache: { embedding: query.embeddingCache, result: query.resultCache },
    timing_ms: timingView(query.timing),
    conversation_id: asked.conversationId === null ? null : publicId('conversation', asked.conversationId),
    subject: asked.subject,
    feedback: null,
    created_at: timeOfUuid(asked.id).toISOString(),
  };
}

export function sourceViews(passages: readonly Passage[]) {
  const texts = passages.flatMap(({ chunks }) => chunks.map(({ hit }) => hit.text ?? ''));
  return sourcesOf(passages).map((source, i) => ({ ...source, text: texts[i] ?? '' }));
}

export function timingView(timing: AnsweredQuery['timing']) {
  return {
    route: timing.route,
    retrieve: timing.retrieve,
    sql_generate: timing.sqlGenerate,
    sql_execute: timing.sqlExecute,
    first_token: timing.firstToken,
    total: timing.total,
  };
}
