/** As CloudWatch names them; `None` for what has no unit, such as dollars. */
export type MetricUnit = 'Count' | 'Milliseconds' | 'Percent' | 'None';

/** Values of one metric that one line may hold; CloudWatch passes over a line with more. */
export const mostValues = 100;

/** The counts and times of one invocation, written to standard output, from where CloudWatch reads them. */
export interface Metrics {
  /** Given twice, a metric has two values. */
  add(name: string, unit: MetricUnit, value: number): void;
  /** Writes what came since the last time, if anything did. */
  publish(): void;
}
