import type { DbragError } from '../core/errors.ts';
import type { ChatModel, ChatOutcome } from '../models/chat-model.ts';
import { costUsd } from '../usage/prices.ts';
import type { UsageEvent } from '../usage/record-usage.ts';
import type { AnsweredQuery, AnsweredStep, QueryEvent, QueryTrace } from './answered-query.ts';
import type { Grounds } from './evidence.ts';
import type { Gathered } from './gather.ts';
import type { KnownAnswer } from './known-answer.ts';
import type { Evidence, LegQuestion } from './leg.ts';
import type { Passage } from './passages.ts';
import type { QueryResult } from './query-result.ts';
import type { Reading } from './route-question.ts';
import type { WrittenAnswer } from './write-answer.ts';

/** Keeps account of one question while it is answered: what was found, called, spent, and when. */
export class QueryLedger {
  private readonly started = performance.now();
  private readonly request: Pick<LegQuestion, 'question' | 'apiKeyId' | 'subjectId'>;
  private readonly chat: ChatModel;
  private readonly searches: { question: string; hits: Evidence['hits'] }[] = [];
  private readonly steps: AnsweredStep[] = [];
  private readonly usage: UsageEvent[] = [];
  private readonly degraded = new Set<string>();
  private readonly connectionIds = new Set<string>();
  private results: readonly QueryResult[] = [];
  private failure: DbragError | null = null;
  private route: Reading | undefined;
  private routedAt = 0;
  private retrieved = 0;
  private askedAt: number | undefined;
  private removedMarks = 0;
  private unverifiedNumbers = 0;
  private sqlGenerate = 0;
  private sqlExecute = 0;
  private embeddingTokens = 0;
  private embeddingCost = 0;
  private embeddingCache: Evidence['embeddingCache'] = 'off';
  private answeringModel: string;

  constructor(request: Pick<LegQuestion, 'question' | 'apiKeyId' | 'subjectId'>, chat: ChatModel) {
    this.request = request;
    this.chat = chat;
    this.answeringModel = chat.model;
  }

  get isRouted(): boolean {
    return this.route !== undefined;
  }

  routed(route: Reading): QueryEvent {
    this.route = route;
    this.routedAt = this.elapsed();
    return { type: 'route', route };
  }

  gathered({ question, route, documents, database, near }: Gathered): void {
    if (documents) this.searched(question, documents);
    if (near && route === 'clarify') this.connectionIds.add(near.connectionId);
    if (!database) return;
    this.connectionIds.add(database.connectionId);
    for (const call of database.calls) this.called(call, 'generate_sql');
    this.sqlGenerate = Math.max(this.sqlGenerate, database.milliseconds.generate);
    this.sqlExecute = Math.max(this.sqlExecute, database.milliseconds.execute);
  }

  private searched(question: string, evidence: Evidence): void {
    this.searches.push({ question, hits: evidence.hits });
    for (const word of evidence.degraded) this.degraded.add(word);
    // Of searches that ran side by side, the slowest is what was waited for.
    this.retrieved = Math.max(this.retrieved, evidence.milliseconds);
    this.embeddingTokens += evidence.embeddingTokens;
    this.embeddingCost += evidence.costUsd;
    this.embeddingCache = this.embeddingCache === 'miss' ? 'miss' : evidence.embeddingCache;
  }

  /** Records the material of the answer; a failed leg is reported, whatever the others found. */
  grounded({ results, degraded, error }: Grounds): void {
    this.results = results;
    this.failure = error;
    for (const word of degraded) this.degraded.add(word);
  }

  stepped(step: AnsweredStep): void {
    this.steps.push(step);
  }

  asked(): void {
    this.askedAt = this.elapsed();
  }

  /** One call to the chat model, however it ended: one event of usage. */
  called({ usage, model }: ChatOutcome, operation: UsageEvent['operation'] = 'query'): void {
    this.answeringModel = model;
    this.usage.push({
      operation,
      model: this.chat.model,
      apiKeyId: this.request.apiKeyId,
      subjectId: this.request.subjectId,
      requests: 1,
      promptTokens: usage.promptTokens,
      completionTokens: usage.completionTokens,
    });
  }

  checked({ removedMarks, unverifiedNumbers, degraded }: WrittenAnswer): void {
    this.removedMarks += removedMarks;
    this.unverifiedNumbers += unverifiedNumbers;
    for (const word of degraded) this.degraded.add(word);
  }

  /** One question back. */
  clarified(answer: string): AnsweredQuery {
    return this.closed({ answer, citations: [], passages: [], error: null });
  }

  nothing(answer: string): AnsweredQuery {
    return this.closed({ answer, citations: [], passages: [], error: null });
  }

  unanswered(passages: readonly Passage[], error: DbragError): AnsweredQuery {
    return this.closed({ answer: null, citations: [], passages, error });
  }

  answered(passages: readonly Passage[], written: WrittenAnswer): AnsweredQuery {
    this.checked(written);
    const { text, citations, error } = written;
    return this.closed({ answer: text, citations, passages, error }, written);
  }

  /** A cached answer: nothing was spent on it. */
  known({ answer, citations, passages, steps, model, removedMarks, promptHash }: KnownAnswer): AnsweredQuery {
    this.answeringModel = model;
    this.steps.push(...steps);
    this.removedMarks = removedMarks;
    const told = this.closed({ answer, citations, passages, error: null });
    return { ...told, resultCache: 'hit', trace: { ...told.trace, promptHash } };
  }

  private closed(
    told: Pick<AnsweredQuery, 'answer' | 'citations' | 'passages' | 'error'>,
    written?: WrittenAnswer,
  ): AnsweredQuery {
    const promptTokens = sum(this.usage, 'promptTokens');
    const completionTokens = sum(this.usage, 'completionTokens');
    const chatCost = costUsd(this.chat.model, { input: promptTokens, output: completionTokens });
    const modelFirstToken = written?.firstTokenMilliseconds ?? null;
    return {
      ...told,
      error: told.error ?? this.failure,
      question: this.request.question,
      route: this.route ?? 'documents',
      results: this.results,
      connectionIds: [...this.connectionIds],
      steps: this.steps,
      model: this.answeringModel,
      provider: this.chat.provider,
      degraded: [...this.degraded],
      embeddingTokens: this.embeddingTokens,
      promptTokens,
      completionTokens,
      costUsd: this.embeddingCost + chatCost,
      embeddingCache: this.embeddingCache,
      resultCache: 'miss',
      timing: this.timing(modelFirstToken),
      usage: this.usage,
      trace: this.trace(told.passages, written),
    };
  }

  private timing(modelFirstToken: number | null): AnsweredQuery['timing'] {
    const firstToken = modelFirstToken === null ? null : rounded((this.askedAt ?? 0) + modelFirstToken);
    return {
      route: rounded(this.routedAt),
      retrieve: rounded(this.retrieved),
      sqlGenerate: rounded(this.sqlGenerate),
      sqlExecute: rounded(this.sqlExecute),
      firstToken,
      total: rounded(this.elapsed()),
    };
  }

  private trace(passages: readonly Passage[], written: WrittenAnswer | undefined): QueryTrace {
    const first = written?.firstTokenMilliseconds ?? null;
    return {
      searches: this.searches,
      chunkIds: passages.flatMap(({ chunks }) => chunks.map(({ hit }) => hit.chunkId)),
      promptHash: written?.promptHash ?? null,
      removedMarks: this.removedMarks,
      unverifiedNumbers: this.unverifiedNumbers,
      modelFirstTokenMilliseconds: first === null ? null : rounded(first),
    };
  }

  private elapsed(): number {
    return performance.now() - this.started;
  }
}

function sum(events: readonly UsageEvent[], member: 'promptTokens' | 'completionTokens'): number {
  return events.reduce((total, event) => total + (event[member] ?? 0), 0);
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
