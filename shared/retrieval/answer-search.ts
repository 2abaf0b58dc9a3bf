import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { requireCollections } from '../ingestion/collections.ts';
import type { QuestionEmbedder } from '../models/embed-question.ts';
import { ModelError } from '../models/model-error.ts';
import { costUsd } from '../usage/prices.ts';
import { recordUsage } from '../usage/record-usage.ts';
import { compileFilter, type Filter } from './filter.ts';
import type { ResultCache } from './result-cache.ts';
import type { SearchHit, SearchMode, SearchRequest } from './search.ts';
import type { WorkspaceSearch } from './workspace-search.ts';

export interface AnswerSearchPorts {
  readonly database: Database;
  readonly searches: WorkspaceSearch;
  readonly results: ResultCache;
  readonly questions: QuestionEmbedder;
  readonly clock: Clock;
}

export interface SearchQuestion {
  readonly workspaceId: string;
  /** The caller's: null sees every collection. */
  readonly narrowing: readonly string[] | null;
  readonly apiKeyId: string | null;
  readonly subjectId?: string | null;
  readonly query: string;
  readonly mode: SearchMode;
  readonly limit: number;
  readonly collectionIds: readonly string[] | null;
  readonly filter: Filter | null;
  readonly includeText: boolean;
}

export interface AnsweredSearch {
  readonly hits: readonly SearchHit[];
  /** `embedding`: the question could not be embedded, so only its words were looked for. */
  readonly degraded: readonly string[];
  readonly tokens: number;
  readonly costUsd: number;
  readonly embeddingCache: 'hit' | 'miss' | 'off';
  readonly resultCache: 'hit' | 'miss' | 'off';
  /** Milliseconds. */
  readonly timing: { readonly embed: number; readonly search: number; readonly total: number };
}

/** A question waits for its vector no longer than this; after it, the keyword leg answers alone. */
const embedMilliseconds = 4_000;

/**
 * Embeds a question and searches with it.
 * @throws model_unavailable in `semantic` mode while the question cannot be embedded · not_found for an unknown collection
 */
export async function answerSearch(ports: AnswerSearchPorts, question: SearchQuestion): Promise<AnsweredSearch> {
  const started = performance.now();
  // Refused before anything is bought for it.
  if (question.filter) compileFilter(question.filter);
  const scope = { workspaceId: question.workspaceId, collectionIds: question.narrowing };
  const { mode, query: text, limit, collectionIds, filter, includeText } = question;
  const asked = { model: ports.questions.model, text, limit, collectionIds, filter, includeText };
  const known = await ports.results.find(ports.database, scope, { mode, ...asked });
  if (known?.hits) return fromCache(known.hits, performance.now() - started);
  const embedded = mode === 'keyword' ? undefined : await embedQuestion(ports, question);
  const embeddedAt = performance.now();
  const request: SearchRequest = {
    ...asked,
    workspaceId: question.workspaceId,
    mode: embedded ? mode : 'keyword',
    vector: embedded?.vector ?? null,
  };
  const bought = embedded?.tokens ?? 0;
  const before = async (db: Db) => {
    if (question.collectionIds) await requireCollections(db, question.workspaceId, question.collectionIds);
    if (bought > 0) await recordUsage(db, question.workspaceId, [usageOf(ports, question, bought)]);
  };
  const hits = await ports.searches.search(scope, request, question.collectionIds || bought > 0 ? before : undefined);
  const finished = performance.now();
  const degraded = mode !== 'keyword' && !embedded ? ['embedding'] : [];
  // What was found without the question's meaning is not what the next one should get.
  if (known && degraded.length === 0) await ports.results.keep(known.key, hits);
  return {
    hits,
    degraded,
    tokens: embedded?.tokens ?? 0,
    costUsd: costUsd(ports.questions.model, { input: embedded?.tokens ?? 0 }),
    embeddingCache: embedded?.cache ?? 'off',
    resultCache: ports.results.isOn ? 'miss' : 'off',
    timing: {
      embed: round(embeddedAt - started),
      search: round(finished - embeddedAt),
      total: round(finished - started),
    },
  };
}

function fromCache(hits: readonly SearchHit[], milliseconds: number): AnsweredSearch {
  const total = round(milliseconds);
  const timing = { embed: 0, search: total, total };
  return { hits, degraded: [], tokens: 0, costUsd: 0, embeddingCache: 'off', resultCache: 'hit', timing };
}

async function embedQuestion({ questions, clock }: AnswerSearchPorts, question: SearchQuestion) {
  try {
    return await questions.embed(question.workspaceId, question.query, {
      deadline: clock.now().getTime() + embedMilliseconds,
    });
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    if (question.mode === 'hybrid') return undefined;
    throw new DbragError(
      'model_unavailable',
      'The question cannot be embedded right now; mode keyword needs no model.',
      {
        retryable: true,
        retryAfterSeconds: error.retryAfterSeconds ?? 5,
        cause: error,
      },
    );
  }
}

function usageOf({ questions }: AnswerSearchPorts, question: SearchQuestion, tokens: number) {
  return {
    operation: 'search',
    model: questions.model,
    apiKeyId: question.apiKeyId,
    subjectId: question.subjectId ?? null,
    requests: 1,
    embeddingTokens: tokens,
  } as const;
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
