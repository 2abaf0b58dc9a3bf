import { MathExpression, Metric, type MetricProps } from 'aws-cdk-lib/aws-cloudwatch';
import { Duration } from 'aws-cdk-lib/core';
import type { StageSettings } from '../../stage-settings.ts';

/** Of each stage its own: two in one account would share their metrics, and their alarms. */
export const metricsNamespace = ({ name }: Pick<StageSettings, 'name'>): string => `dbrag/${name}`;

/** The dimension of a metric: a function by its `service`, or one of the dimensions of `functions/runtime/telemetry/measures.ts`. */
export type Series = Readonly<
  Partial<Record<'service' | 'cache' | 'model' | 'route' | 'stage' | 'scope' | 'outcome', string>>
>;

export interface MetricOptions {
  /** `Sum`, `Average`, `p95`, …; default `Sum`. */
  readonly statistic?: string;
  readonly period?: Duration;
  readonly label?: string;
}

const usualPeriod = Duration.minutes(5);

/** Metrics of one stage: our own by name, AWS's by what they are of. */
export class ServiceMetrics {
  private readonly stage: StageSettings;

  constructor(stage: StageSettings) {
    this.stage = stage;
  }

  /** One of our own. */
  of(name: string, series: Series, options: MetricOptions = {}): Metric {
    const dimensions = Object.fromEntries(Object.entries(series));
    return this.metric(metricsNamespace(this.stage), name, dimensions, options);
  }

  /** One of our own, counted by several functions, added up. */
  sumOf(
    name: string,
    services: readonly string[],
    { period = usualPeriod, label = name }: MetricOptions = {},
  ): MathExpression {
    const id = name.charAt(0).toLowerCase() + name.slice(1);
    const parts = services.map((service, at) => [`${id}${at}`, this.of(name, { service }, { period })] as const);
    return new MathExpression({
      // A series without data would leave the sum without data as well.
      expression: parts.map(([part]) => `FILL(${part}, 0)`).join(' + '),
      usingMetrics: Object.fromEntries(parts),
      period,
      label,
    });
  }

  /** Of the writer and the readers of the cluster together, unless a role says which. */
  database(name: string, options: MetricOptions = {}, role?: 'WRITER' | 'READER'): Metric {
    const dimensions = { DBClusterIdentifier: `dbrag-${this.stage.name}`, ...(role ? { Role: role } : {}) };
    return this.metric('AWS/RDS', name, dimensions, { statistic: 'Maximum', ...options });
  }

  metric(namespace: string, metricName: string, dimensionsMap: Record<string, string>, options: MetricOptions): Metric {
    const { statistic = 'Sum', period = usualPeriod, label } = options;
    const props: MetricProps = { namespace, metricName, dimensionsMap, statistic, period };
    return new Metric(label === undefined ? props : { ...props, label });
  }
}
