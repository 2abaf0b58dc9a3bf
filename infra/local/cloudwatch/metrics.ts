import type { Log } from '../aws/json-protocol.ts';
import { parseEmbeddedMetrics } from './embedded-metrics.ts';
import { addValue, createSeries, type MetricSeries } from './metric-series.ts';
import { renderPrometheus } from './prometheus-text.ts';

/** What a query narrows by; dimensions may be part of a series' own. */
export interface MetricQuery {
  readonly namespace?: string;
  readonly name?: string;
  readonly dimensions?: Readonly<Record<string, string>>;
}

/** The metrics of all functions since the start. */
export interface LocalMetrics {
  /** Takes a line of a function's output; true when it was metrics and need not be shown. */
  readLine(line: string): boolean;
  /** The series that match, in the order of their first value. */
  query(query?: MetricQuery): MetricSeries[];
  /** Sum of the values of one metric over the series that match and have the same dimension names as the first one. */
  sum(name: string, dimensions?: Readonly<Record<string, string>>): number;
  /** The page for Prometheus; content type `text/plain; version=0.0.4`. */
  render(): string;
}

/** A dimension with an id in it would fill the memory as it would fill the bill. */
const MOST_SERIES = 10_000;

/** Collects embedded metrics. */
export function createMetrics(log: Log): LocalMetrics {
  const series = new Map<string, MetricSeries>();
  let full = false;

  function seriesOf(value: Parameters<typeof createSeries>[0]): MetricSeries | undefined {
    const key = JSON.stringify([value.namespace, value.name, value.unit, value.dimensions]);
    const known = series.get(key);
    if (known !== undefined) return known;
    if (series.size >= MOST_SERIES) {
      if (!full) log(`More than ${MOST_SERIES} metric series; new ones are dropped`, { name: value.name });
      full = true;
      return undefined;
    }
    const fresh = createSeries(value);
    series.set(key, fresh);
    return fresh;
  }

  function query({ namespace, name, dimensions = {} }: MetricQuery = {}): MetricSeries[] {
    return [...series.values()].filter(
      (one) =>
        (namespace === undefined || one.namespace === namespace) &&
        (name === undefined || one.name === name) &&
        Object.entries(dimensions).every(([key, value]) => one.dimensions[key] === value),
    );
  }

  return {
    readLine(line) {
      try {
        const values = parseEmbeddedMetrics(line);
        for (const value of values ?? []) {
          const own = seriesOf(value);
          if (own !== undefined) addValue(own, value.value);
        }
        return values !== undefined;
      } catch (error) {
        log('A line of embedded metrics is malformed', {
          reason: error instanceof Error ? error.message : String(error),
          line,
        });
        return false;
      }
    },
    query,
    sum(name, dimensions = {}) {
      const found = query({ name, dimensions });
      const names = (one: MetricSeries): string => Object.keys(one.dimensions).sort().join();
      // The same value is published once for each dimension set; only one of the sets may be added up.
      return found
        .filter((one) => found[0] !== undefined && names(one) === names(found[0]))
        .reduce((sum, one) => sum + one.sum, 0);
    },
    render: () => renderPrometheus(series.values()),
  };
}
