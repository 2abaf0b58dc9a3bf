import type { Logger } from '@aws-lambda-powertools/logger';
import type { DimensionedMetrics } from './dimensioned-metrics.ts';
import type { Measures } from './measures.ts';
import type { UnexpectedErrors } from './unexpected-errors.ts';

/** Where events go: the metrics and the log of the current invocation. */
export interface EventSinks {
  readonly measures: Measures;
  readonly dimensioned: DimensionedMetrics;
  readonly errors: UnexpectedErrors;
  /** @param value 1 if it is left out */
  count(name: string, value?: number): void;
  time(name: string, milliseconds: number): void;
  logger(): Logger;
}
