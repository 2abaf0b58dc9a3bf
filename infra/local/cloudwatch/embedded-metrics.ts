/** One value of one metric in one set of dimensions. */
export interface MetricValue {
  readonly namespace: string;
  readonly name: string;
  /** CloudWatch's word: `Count`, `Milliseconds`, `Bytes`, …; `None` when nothing is said. */
  readonly unit: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

interface Directive {
  readonly Namespace?: unknown;
  readonly Dimensions?: unknown;
  readonly Metrics?: unknown;
}

/**
 * Reads one line of a function's output in the embedded metric format; undefined when it is none. As in CloudWatch, every
 * dimension set is a metric of its own, and a value may be a list. Throws when the line claims to be one and is malformed.
 * Source: "Embedded metric format specification", CloudWatch User Guide.
 */
export function parseEmbeddedMetrics(line: string): MetricValue[] | undefined {
  if (!line.includes('"_aws"')) return undefined;
  let root: unknown;
  try {
    root = JSON.parse(line);
  } catch {
    // A log line may quote one.
    return undefined;
  }
  if (typeof root !== 'object' || root === null || !('_aws' in root)) return undefined;
  const fields = root as Readonly<Record<string, unknown>>;
  const { Timestamp, CloudWatchMetrics } = (fields._aws ?? {}) as Record<string, unknown>;
  if (!Array.isArray(CloudWatchMetrics)) throw new Error('CloudWatchMetrics is not a list');
  const timestamp = typeof Timestamp === 'number' ? Timestamp : Number.NaN;
  if (Number.isNaN(timestamp)) throw new Error('Timestamp is not a number');
  return CloudWatchMetrics.flatMap((directive: Directive) => valuesOf(directive, fields, timestamp));
}

function valuesOf(directive: Directive, fields: Readonly<Record<string, unknown>>, timestamp: number): MetricValue[] {
  const { Namespace: namespace, Dimensions, Metrics } = directive;
  if (typeof namespace !== 'string' || !Array.isArray(Metrics))
    throw new Error('A directive needs Namespace and Metrics');
  const sets = Array.isArray(Dimensions) && Dimensions.length > 0 ? (Dimensions as unknown[][]) : [[]];
  return sets.flatMap((names) => {
    const dimensions = Object.fromEntries(names.map((name) => [String(name), textOf(fields, String(name))]));
    return Metrics.flatMap((metric: { Name?: unknown; Unit?: unknown }) => {
      const name = String(metric.Name);
      const unit = typeof metric.Unit === 'string' ? metric.Unit : 'None';
      return numbersOf(fields, name).map((value) => ({ namespace, name, unit, dimensions, value, timestamp }));
    });
  });
}

function textOf(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name];
  if (value === undefined) throw new Error(`The dimension ${name} has no value`);
  return String(value);
}

function numbersOf(fields: Readonly<Record<string, unknown>>, name: string): number[] {
  const values = [fields[name]].flat();
  if (!values.every((value): value is number => typeof value === 'number'))
    throw new Error(`The metric ${name} is not a number`);
  return values;
}
