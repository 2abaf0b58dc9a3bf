import type { Narrowing } from '../core/caller.ts';
import type { DbragError } from '../core/errors.ts';
import type { ChatModel, ChatOptions, ChatOutcome } from '../models/chat-model.ts';
import type { Filter } from '../retrieval/filter.ts';
import type { SearchHit } from '../retrieval/search.ts';
import type { Passage } from './passages.ts';
import type { QueryResult } from './query-result.ts';

/** Where an answer may come from. */
export type Route = 'documents' | 'database' | 'both';

/** A question as a leg receives it. Ids are UUIDs. */
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

/** What was found in documents. */
export interface Evidence {
  /** Everything that was found, best first; the trace keeps it. */
  readonly hits: readonly SearchHit[];
  /** The part that the model reads, numbered from 1. */
  readonly passages: readonly Passage[];
  readonly degraded: readonly string[];
  readonly embeddingTokens: number;
  readonly costUsd: number;
  readonly embeddingCache: 'hit' | 'miss' | 'off';
  /** Milliseconds. */
  readonly milliseconds: number;
}

/** The documents. Gathers evidence and asks no chat model. */
export interface Leg {
  /** Everything besides the question that influences its result; part of the answer's cache key. */
  readonly settings: string;
  gather(question: LegQuestion): Promise<Evidence>;
}

/** The table that is nearest to a question, and its connection. */
export interface NearestTable {
  /** UUID. */
  readonly connectionId: string;
  readonly connectionName: string;
  /** Names of the nearest tables of that connection. */
  readonly tables: readonly string[];
  /** Cosine; null where no table has a vector yet. */
  readonly score: number | null;
}

/** A database's result, or why there is none. */
export interface DatabaseEvidence {
  readonly connectionId: string;
  readonly result: QueryResult | null;
  readonly error: DbragError | null;
  /** Why the tables hold no answer, in the model's words. */
  readonly reason: string | null;
  /** What writing the statement cost. */
  readonly calls: readonly ChatOutcome[];
  readonly milliseconds: { readonly generate: number; readonly execute: number };
}

/** The databases that a workspace has connected. */
export interface DatabaseLeg {
  readonly settings: string;
  /** Null where nothing is connected that the question may be asked of. */
  nearest(question: LegQuestion): Promise<NearestTable | null>;
  /** Has a statement written and runs it. A fault of the database is part of the evidence. */
  gather(question: LegQuestion, near: NearestTable, chat: ChatModel, options: ChatOptions): Promise<DatabaseEvidence>;
}

export interface Legs {
  readonly documents: Leg;
  /** Null while the workspace has no database that the caller may ask. */
  readonly database: DatabaseLeg | null;
}
