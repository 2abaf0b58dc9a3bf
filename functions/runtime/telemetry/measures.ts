import type { DimensionedMetrics } from './dimensioned-metrics.ts';
import type { Metrics } from './metrics.ts';

/** Parts of an answer that are timed one by one, in metrics and in traces. */
export type AnswerStage = 'embed_question' | 'vector_search' | 'sql_generate' | 'response_generation';

/** `question` and `chunk` keep vectors, `search` keeps hits, `answer` whole answers. */
export type CacheKind = 'question' | 'chunk' | 'search' | 'answer';

/** One request to a model's provider. */
export interface ModelRequest {
  /** The requested name, which prices are looked up by. */
  readonly model: string;
  readonly milliseconds: number;
  readonly tokens: number;
  readonly costUsd: number;
  readonly failed: boolean;
}

export interface EmbeddingRequest extends ModelRequest {
  /** How full a request was, by inputs or tokens, 0 to 1; null if nothing more could have been packed into it. */
  readonly fill: number | null;
}

/** The metrics of models, caches and stages in one place: names, units, dimensions. */
export interface Measures {
  embeddingRequested(request: EmbeddingRequest): void;
  chatRequested(request: ModelRequest): void;
  cacheAsked(cache: CacheKind, counts: { readonly hits: number; readonly misses: number }): void;
  /** @param began milliseconds since 1970 */
  stageEnded(stage: AnswerStage, began: number, milliseconds: number, failed: boolean): void;
  /** The origin of an answer, and its cost. */
  questionAnswered(route: string, costUsd: number): void;
  /** A reader's opinion, 1 to 5. */
  queryRated(rating: number): void;
  /** The canary of a partition: the share of the nearest that its index finds, 0 to 1. */
  recallMeasured(recall: number, promised: number): void;
}

export interface MeasuringParts {
  readonly metrics: Metrics;
  readonly dimensioned: DimensionedMetrics;
  /** Draws a stage into the trace of the invocation, if it has one. */
  readonly trace: (name: string, began: number, milliseconds: number, failed: boolean) => void;
}

export function createMeasures({ metrics, dimensioned, trace }: MeasuringParts): Measures {
  const bought = ({ model, tokens, costUsd }: ModelRequest) => {
    dimensioned.add({ name: 'model', value: model }, 'ModelTokens', 'Count', tokens);
    dimensioned.add({ name: 'model', value: model }, 'ModelCost', 'None', costUsd);
  };
  return {
    embeddingRequested(request) {
      metrics.add('EmbeddingRequestDuration', 'Milliseconds', request.milliseconds);
      if (request.failed) return metrics.add('EmbeddingRequestFailed', 'Count', 1);
      if (request.fill !== null) metrics.add('BatchFill', 'Percent', 100 * request.fill);
      bought(request);
    },
    chatRequested(request) {
      metrics.add('ChatRequestDuration', 'Milliseconds', request.milliseconds);
      if (request.failed) metrics.add('ChatRequestFailed', 'Count', 1);
      bought(request);
    },
    cacheAsked(cache, { hits, misses }) {
      dimensioned.add({ name: 'cache', value: cache }, 'CacheHit', 'Count', hits);
      dimensioned.add({ name: 'cache', value: cache }, 'CacheMiss', 'Count', misses);
    },
    stageEnded(stage, began, milliseconds, failed) {
      dimensioned.add({ name: 'stage', value: stage }, 'StageDuration', 'Milliseconds', milliseconds);
      trace(stage, began, milliseconds, failed);
    },
    questionAnswered(route, costUsd) {
      dimensioned.add({ name: 'route', value: route }, 'QueryRoute', 'Count', 1);
      metrics.add('QueryCost', 'None', costUsd);
    },
    queryRated(rating) {
      metrics.add('QueryRating', 'None', rating);
    },
    recallMeasured(recall, promised) {
      metrics.add('IndexRecall', 'Percent', 100 * recall);
      metrics.add('RecallBroken', 'Count', recall < promised ? 1 : 0);
    },
  };
}
