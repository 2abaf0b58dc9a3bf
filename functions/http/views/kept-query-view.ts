import type { KeptQuery, KeptTrace } from '../../../shared/answering/queries.ts';
import { DbragError, type ErrorCode } from '../../../shared/core/errors.ts';
import { publicId } from '../../../shared/core/ids.ts';
import { problemOf } from '../problem.ts';
import { timingView } from './query-view.ts';

/** An answer as the history shows it: as it was returned, without the texts of its sources. */
export function keptQueryView(query: KeptQuery) {
  const id = publicId('query', query.id);
  return {
    id,
    object: 'query' as const,
    question: query.question,
    route: query.route,
    reasoning: query.reasoning,
    answer: query.answer,
    citations: query.citations,
    sources: query.sources,
    sql: query.sql,
    steps: query.steps.map((step) => ({ ...step, sql: step.sql ?? null })),
    model: query.model,
    provider: query.provider,
    removed_marks: query.removed_marks,
    unverified_numbers: query.unverified_numbers,
    sources_count: query.sources.length + resultsOf(query),
    degraded: query.degraded,
    error: query.error && problemOf(new DbragError(query.error.code as ErrorCode, query.error.message), id),
    usage: {
      embedding_tokens: query.embedding_tokens,
      prompt_tokens: query.prompt_tokens,
      completion_tokens: query.completion_tokens,
      cost_usd: query.cost_usd,
    },
    cache: { embedding: query.embedding_cache, result: query.result_cache },
    timing_ms: timingView(query.timing),
    conversation_id: query.conversation_id === null ? null : publicId('conversation', query.conversation_id),
    subject: query.subject,
    feedback:
      query.rating === null
        ? null
        : { rating: query.rating, comment: query.comment, at: query.rated_at?.toISOString() ?? '' },
    created_at: query.created_at.toISOString(),
  };
}

/** Each part of a decomposed question may have queried a database. */
function resultsOf({ sql, steps }: KeptQuery): number {
  return steps.length > 0 ? steps.filter((step) => step.sql).length : Number(sql !== null);
}

export function traceView(id: string, { trace, timing }: KeptTrace) {
  return {
    ...trace,
    query_id: publicId('query', id),
    object: 'query_trace' as const,
    timing_ms: timingView(timing),
  };
}
