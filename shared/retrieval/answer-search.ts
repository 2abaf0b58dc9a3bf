import type { Narrowing } from '../core/caller.ts';
import type { Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { requireCollections } from '../ingestion/collections.ts';
import { costUsd } from '../usage/prices.ts';
import { recordUsage } from '../usage/record-usage.ts';
import { embedInSpaces, type QuestionInSpace, type QuestionInSpaces, type SpacePorts } from './embed-in-spaces.ts';
import { compileFilter, type Filter } from './filter.ts';
import type { ResultCache } from './result-cache.ts';
import type { SearchHit, SearchMode, SearchRequest } from './search.ts';
import type { WorkspaceSearch } from './workspace-search.ts';

export interface AnswerSearchPorts extends SpacePorts {
  readonly searches: WorkspaceSearch;
  readonly results: ResultCache;
}

export interface SearchQuestion {
  readonly workspaceId: string;
  /** The caller's. */
  readonly narrowing: Narrowing;
  readonly apiKeyId: string | null;
  readonly subjectId?: string | null;
  readonly query: string;
  readonly mode: SearchMode;
  readonly limit: number;
  readonly collectionIds: readonly string[] | null;
  readonly filter: Filter | null;
  readonly includeText: boolean;
}

/** What an answer's hits are given as; also what is kept of them. */
export interface HitsForm<T> {
  /** Part of the key that they are kept under: another for whatever is read another way. */
  readonly name: string;
  of(hits: readonly SearchHit[]): T;
  write(hits: T): string;
  read(text: string): T;
}

const asTheyAre: HitsForm<readonly SearchHit[]> = {
  name: 'hits',
  of: (hits) => hits,
  write: (hits) => JSON.stringify(hits),
  read: (text) => JSON.parse(text) as readonly SearchHit[],
};

export interface AnsweredSearch<T = readonly SearchHit[]> {
  readonly hits: T;
  /** `embedding`: the question could not be embedded in a space that it should be looked for in; its words were looked for all the same. */
  readonly degraded: readonly string[];
  readonly tokens: number;
  readonly costUsd: number;
  readonly embeddingCache: 'hit' | 'miss' | 'off';
  readonly resultCache: 'hit' | 'miss' | 'off';
  /** Milliseconds. */
  readonly timing: { readonly embed: number; readonly search: number; readonly total: number };
}

const noSpaces: QuestionInSpaces = { first: null, second: null, failure: undefined };

/**
 * Embeds a question and searches with it.
 * @throws model_unavailable in `semantic` mode while the question cannot be embedded · not_found for an unknown collection
 */
export function answerSearch(ports: AnswerSearchPorts, question: SearchQuestion): Promise<AnsweredSearch> {
  return answerSearchAs(ports, question, asTheyAre);
}

/** The same, with the hits in another form, which is also the one that the cache keeps. */
export async function answerSearchAs<T>(
  ports: AnswerSearchPorts,
  question: SearchQuestion,
  form: HitsForm<T>,
): Promise<AnsweredSearch<T>> {
  const started = performance.now();
  // Refused before anything is bought for it.
  if (question.filter) compileFilter(question.filter);
  const scope = { workspaceId: question.workspaceId, ...question.narrowing };
  const { mode, query: text, limit, collectionIds, filter, includeText } = question;
  const asked = { model: ports.questions.model, text, limit, collectionIds, filter, includeText };
  const spaces = [ports.questions.model, ports.fallbackQuestions?.model ?? null];
  const known = await ports.results.find(ports.database, scope, {
    form: form.name,
    mode,
    spaces,
    fusion: ports.searches.fusion,
    ...asked,
  });
  if (known?.answer !== undefined) return fromCache(form.read(known.answer), performance.now() - started);
  const embedded = mode === 'keyword' ? noSpaces : await embedInSpaces(ports, question.workspaceId, text);
  const embeddedAt = performance.now();
  const { first, second, failure } = embedded;
  if (mode === 'semantic' && !first && !second) throw cannotEmbed(failure);
  const request: SearchRequest = {
    ...asked,
    workspaceId: question.workspaceId,
    mode: first || second ? mode : 'keyword',
    vector: first?.vector ?? null,
    bridge: second,
  };
  const bought = [first, second].filter((each) => each !== null && each.tokens > 0) as QuestionInSpace[];
  const before = async (db: Db) => {
    if (question.collectionIds) await requireCollections(db, question.workspaceId, question.collectionIds);
    const usage = bought.map((each) => usageOf(question, each));
    if (usage.length > 0) await recordUsage(db, question.workspaceId, usage);
  };
  const isMore = question.collectionIds !== null || bought.length > 0;
  const hits = form.of(await ports.searches.search(scope, request, isMore ? before : undefined));
  const finished = performance.now();
  // What was found without the question's meaning is not what the next one should get.
  if (known && !failure) await ports.results.keep(known.key, form.write(hits));
  return {
    hits,
    degraded: failure ? ['embedding'] : [],
    tokens: bought.reduce((sum, { tokens }) => sum + tokens, 0),
    costUsd: bought.reduce((sum, { model, tokens }) => sum + costUsd(model, { input: tokens }), 0),
    embeddingCache: (first ?? second)?.cache ?? 'off',
    resultCache: ports.results.isOn ? 'miss' : 'off',
    timing: {
      embed: round(embeddedAt - started),
      search: round(finished - embeddedAt),
      total: round(finished - started),
    },
  };
}

function fromCache<T>(hits: T, milliseconds: number): AnsweredSearch<T> {
  const total = round(milliseconds);
  const timing = { embed: 0, search: total, total };
  return { hits, degraded: [], tokens: 0, costUsd: 0, embeddingCache: 'off', resultCache: 'hit', timing };
}

function cannotEmbed(failure: QuestionInSpaces['failure']): DbragError {
  return new DbragError(
    'model_unavailable',
    'The question cannot be embedded right now; mode keyword needs no model.',
    { retryable: true, retryAfterSeconds: failure?.retryAfterSeconds ?? 5, cause: failure },
  );
}

function usageOf({ apiKeyId, subjectId = null }: SearchQuestion, { model, tokens }: QuestionInSpace) {
  return { operation: 'search', model, apiKeyId, subjectId, requests: 1, embeddingTokens: tokens } as const;
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
