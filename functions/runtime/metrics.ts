export type MetricUnit = 'Count' | 'Milliseconds';

/** What one invocation counts and times, written to standard output, from where CloudWatch reads it. */
export interface Metrics {
  /** Given twice, a metric has two values. */
  add(name: string, unit: MetricUnit, value: number): void;
  /** Writes what came since the last time, if anything did. */
  publish(): void;
}
