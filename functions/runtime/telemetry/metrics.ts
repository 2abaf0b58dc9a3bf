/** As CloudWatch names them; `None` for what has no unit, such as dollars. */
export type MetricUnit = 'Count' | 'Milliseconds' | 'Percent' | 'None';

/** Values of one metric that one line may hold; CloudWatch ignores a line with more. */
export const mostValues = 100;

/** The counts and times of one invocation, written to standard output, from where CloudWatch reads them. */
export interface Metrics {
  /** A metric that is added twice has two values. */
  add(name: string, unit: MetricUnit, value: number): void;
  /** Writes what was added since the last time, if anything was. */
  publish(): void;
}
