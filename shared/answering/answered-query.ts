import type { DbragError } from '../core/errors.ts';
import type { SearchHit } from '../retrieval/search.ts';
import type { UsageEvent } from '../usage/record-usage.ts';
import type { Citation } from './citation.ts';
import type { Passage } from './passages.ts';
import type { QueryResult } from './query-result.ts';
import type { Reading } from './route-question.ts';

/** One sub-question of a decomposed one, and what was found for it. */
export interface AnsweredStep {
  readonly question: string;
  readonly route: Reading;
  readonly answer: string | null;
  /** What a database gave for it. */
  readonly result: QueryResult | null;
}

/** Times in milliseconds since the question came. */
export interface QueryTiming {
  readonly route: number;
  readonly retrieve: number;
  readonly sqlGenerate: number;
  readonly sqlExecute: number;
  /** Null when no model answered. */
  readonly firstToken: number | null;
  readonly total: number;
}

/** What an administrator may see about how an answer was produced. Contains no text of documents. */
export interface QueryTrace {
  /** Every hit with its ranks before fusion and its score after it, by sub-question. */
  readonly searches: readonly { readonly question: string; readonly hits: readonly SearchHit[] }[];
  /** The chunks that the model read. */
  readonly chunkIds: readonly string[];
  readonly promptHash: string | null;
  /** Marks that did not hold and were taken out. */
  readonly removedMarks: number;
  /** Numbers that stand in no row and in no source: each is marked in the answer. */
  readonly unverifiedNumbers: number;
  /** From the request to the model to its first token. */
  readonly modelFirstTokenMilliseconds: number | null;
}

/** A question with its answer, as it is returned, stored and shown again. */
export interface AnsweredQuery {
  readonly question: string;
  readonly route: Reading;
  /** Null while the model is down: the sources are still worth having. */
  readonly answer: string | null;
  readonly citations: readonly Citation[];
  readonly passages: readonly Passage[];
  /** Results from databases; for a question that was not split, one at most. */
  readonly results: readonly QueryResult[];
  /** Databases that were queried or named: callers who may not see them may not see the answer. UUIDs. */
  readonly connectionIds: readonly string[];
  readonly steps: readonly AnsweredStep[];
  readonly model: string;
  readonly provider: string;
  readonly degraded: readonly string[];
  readonly error: DbragError | null;
  readonly embeddingTokens: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly costUsd: number;
  readonly embeddingCache: 'hit' | 'miss' | 'off';
  /** `hit`: the answer was known, and nothing was searched or asked. */
  readonly resultCache: 'hit' | 'miss';
  readonly timing: QueryTiming;
  readonly trace: QueryTrace;
  /** Usage of the chat model: one event per call. */
  readonly usage: readonly UsageEvent[];
}

/** What happens while a question is answered. */
export type QueryEvent =
  | { readonly type: 'route'; readonly route: Reading }
  | { readonly type: 'sources'; readonly passages: readonly Passage[] }
  | { readonly type: 'sql'; readonly result: QueryResult }
  | { readonly type: 'step'; readonly step: AnsweredStep }
  | { readonly type: 'delta'; readonly text: string };
