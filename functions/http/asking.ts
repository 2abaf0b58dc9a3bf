import type { AnswerRequest } from '../../shared/answering/answer-question.ts';
import type { AnsweredQuery } from '../../shared/answering/answered-query.ts';
import type { Rewritten } from '../../shared/answering/rewrite-question.ts';
import type { Caller, Narrowing } from '../../shared/core/caller.ts';
import type { Db } from '../../shared/core/database.ts';
import type { ChatModel } from '../../shared/models/chat-model.ts';
import type { RouteContext } from './route.ts';

/** The options of a question besides its text, as parsed by the contract. */
export interface QueryBody {
  readonly collection_ids?: readonly string[] | undefined;
  readonly connection_ids?: readonly string[] | undefined;
  readonly route: AnswerRequest['route'];
  readonly reasoning: AnswerRequest['reasoning'];
  readonly stream: boolean;
  readonly limit: number;
  readonly filter?: NonNullable<AnswerRequest['filter']> | undefined;
}

export type AskContext = Pick<
  RouteContext<unknown, unknown, Caller>,
  'caller' | 'services' | 'origin' | 'idempotency' | 'deadline' | 'waitUntil' | 'left'
>;

/** One question, ready to be asked: by itself, or as a message of a conversation. */
export interface Asking {
  readonly body: QueryBody;
  /** What may be searched and queried: whatever the caller may see, or less. */
  readonly narrowing: Narrowing;
  readonly conversationId: string | null;
  /** The person it is asked for, by the caller's name for them. */
  readonly subject: string | null;
  /** The question rephrased so that it stands alone, by a model if necessary. */
  readonly question: (chat: ChatModel, options: AskOptions) => Promise<Rewritten>;
  /** Runs in the transaction that stores the answer; not if the answer may not be stored. */
  readonly store?: (db: Db, queryId: string, query: AnsweredQuery) => Promise<void>;
}

export interface AskOptions {
  readonly deadline: number;
  readonly signal: AbortSignal;
}
