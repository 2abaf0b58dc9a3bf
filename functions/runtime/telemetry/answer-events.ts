import type { EventSinks } from './event-sinks.ts';
import { loggableError } from './loggable-error.ts';
import type { CacheKind } from './measures.ts';

/** `off` where the stage has no cache. */
type CacheOutcome = 'hit' | 'miss' | 'off';

/** Searches, and answers to questions. */
export interface AnswerEvents {
  searchAnswered(event: {
    mode: string;
    resultCache: CacheOutcome;
    embedMilliseconds: number;
    searchMilliseconds: number;
  }): void;
  /** A reader was searched instead of the writer. After `behind` and `failed` the writer was searched too. */
  readerAsked(outcome: 'answered' | 'behind' | 'failed', error?: unknown): void;
  queryAnswered(event: {
    route: string;
    costUsd: number;
    answered: boolean;
    resultCache: CacheOutcome;
    removedMarks: number;
    unverifiedNumbers: number;
    sqlGenerateMilliseconds: number;
    sqlExecuteMilliseconds: number;
    retrieveMilliseconds: number;
    firstTokenMilliseconds: number | null;
    totalMilliseconds: number;
    error: string | null;
  }): void;
  /** A statement that the firewall did not let through, the model's or a caller's. */
  statementRefused(): void;
}

/** @param writesDebug whether the logger writes lines of this level: they are not even built otherwise */
export function createAnswerEvents(
  { measures, dimensioned, count, time, logger }: EventSinks,
  { writesDebug }: { readonly writesDebug: boolean },
): AnswerEvents {
  const cacheAsked = (kind: CacheKind, outcome: CacheOutcome) => {
    if (outcome === 'off') return;
    const hits = outcome === 'hit' ? 1 : 0;
    measures.cacheAsked(kind, { hits, misses: 1 - hits });
  };
  return {
    searchAnswered(event) {
      time('SearchDuration', event.searchMilliseconds);
      cacheAsked('search', event.resultCache);
      if (writesDebug) logger().debug('search answered', { search: event });
    },
    readerAsked(outcome, error) {
      dimensioned.add({ name: 'outcome', value: outcome }, 'ReaderSearch', 'Count', 1);
      if (outcome === 'failed') logger().warn('reader failed; searching the database', { error: loggableError(error) });
    },
    queryAnswered(event) {
      count(event.answered ? 'QueryAnswered' : event.error === null ? 'QueryUnanswered' : 'QueryFailed');
      if (event.resultCache === 'hit') count('QueryKnown');
      cacheAsked('answer', event.resultCache);
      measures.questionAnswered(event.route, event.costUsd);
      count('CitationRemoved', event.removedMarks);
      count('NumberUnverified', event.unverifiedNumbers);
      time('QueryDuration', event.totalMilliseconds);
      if (event.firstTokenMilliseconds !== null) time('FirstTokenDuration', event.firstTokenMilliseconds);
      logger().info('query answered', { query: event });
    },
    statementRefused() {
      count('StatementRefused');
    },
  };
}
