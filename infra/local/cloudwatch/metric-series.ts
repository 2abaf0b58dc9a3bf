import type { MetricValue } from './embedded-metrics.ts';

/** All values of one metric in one set of dimensions. */
export interface MetricSeries {
  readonly namespace: string;
  readonly name: string;
  readonly unit: string;
  readonly dimensions: Readonly<Record<string, string>>;
  count: number;
  sum: number;
  minimum: number;
  maximum: number;
  /** The last `KEPT_VALUES` values, oldest first. */
  readonly recent: number[];
  /** Values at or below each of `bounds`, and above all of them at the end; each value stands in one. */
  readonly buckets: number[];
  readonly bounds: readonly number[];
}

const KEPT_VALUES = 1000;

const steps = (from: number, decades: number): number[] =>
  Array.from({ length: decades }, (_, at) => [1, 2, 5].map((step) => step * from * 10 ** at)).flat();

const boundsOfUnit: Readonly<Record<string, readonly number[]>> = {
  Seconds: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, ...steps(0.1, 4)],
  Milliseconds: steps(1, 6),
  Microseconds: steps(1, 8),
  Bytes: Array.from({ length: 12 }, (_, at) => 256 * 4 ** at),
  Percent: [1, 5, 10, 25, 50, 75, 90, 95, 99, 100],
};

/** Counts add up, everything else is a distribution. */
export function isCounter(unit: string): boolean {
  return unit === 'Count';
}

/** A series without values, for the metric of `value`. */
export function createSeries({ namespace, name, unit, dimensions }: MetricValue): MetricSeries {
  const bounds = isCounter(unit) ? [] : (boundsOfUnit[unit] ?? steps(1, 7));
  const empty = { count: 0, sum: 0, minimum: Number.POSITIVE_INFINITY, maximum: Number.NEGATIVE_INFINITY };
  return { namespace, name, unit, dimensions, ...empty, recent: [], bounds, buckets: Array(bounds.length + 1).fill(0) };
}

/** Takes a value in. */
export function addValue(series: MetricSeries, value: number): void {
  series.count += 1;
  series.sum += value;
  series.minimum = Math.min(series.minimum, value);
  series.maximum = Math.max(series.maximum, value);
  series.recent.push(value);
  if (series.recent.length > KEPT_VALUES) series.recent.shift();
  const at = series.bounds.findIndex((bound) => value <= bound);
  const bucket = at < 0 ? series.bounds.length : at;
  series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
}
