import type { Narrowing } from '../core/caller.ts';
import type { Filter } from '../retrieval/filter.ts';
import type { SearchHit } from '../retrieval/search.ts';
import type { Passage } from './passages.ts';

/** Where an answer may come from. */
export type Route = 'documents' | 'database' | 'both';

/** What a leg is asked. Ids are UUIDs. */
export interface LegQuestion {
  readonly workspaceId: string;
  /** The caller's. */
  readonly narrowing: Narrowing;
  readonly apiKeyId: string | null;
  readonly subjectId: string | null;
  readonly question: string;
  readonly collectionIds: readonly string[] | null;
  readonly filter: Filter | null;
  readonly limit: number;
  /** What the model may read, in tokens. */
  readonly tokenBudget: number;
}

/** What a leg found. */
export interface Evidence {
  /** Everything that was found, best first; the trace keeps it. */
  readonly hits: readonly SearchHit[];
  /** What of it the model reads, numbered from 1. */
  readonly passages: readonly Passage[];
  readonly degraded: readonly string[];
  readonly embeddingTokens: number;
  readonly costUsd: number;
  readonly embeddingCache: 'hit' | 'miss' | 'off';
  /** Milliseconds. */
  readonly milliseconds: number;
}

/** One place to look for answers. Gathers evidence and asks no chat model for the answer itself. */
export interface Leg {
  readonly kind: 'documents' | 'database';
  /** What decides how it looks, beside the question: an answer that was found another way is another answer. */
  readonly settings: string;
  gather(question: LegQuestion): Promise<Evidence>;
}

/** The leg of documents is always there; a workspace without databases has no other. */
export function chooseRoute(wanted: 'auto' | Route, legs: readonly Leg[]): Route {
  const hasDatabase = legs.some((leg) => leg.kind === 'database');
  return wanted === 'auto' || !hasDatabase ? 'documents' : wanted;
}
