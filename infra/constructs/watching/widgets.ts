import { GraphWidget, type IMetric, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Duration } from 'aws-cdk-lib/core';
import type { StageSettings } from '../../stage-settings.ts';
import type { HttpApi } from '../http-api.ts';
import type { Queues } from '../queues.ts';
import type { ServiceFunctions } from '../service-functions.ts';
import type { ServiceMetrics } from './service-metrics.ts';

/** The data for the widgets of the dashboard. */
export interface WidgetParts {
  readonly stage: StageSettings;
  readonly metrics: ServiceMetrics;
  readonly queues: Queues;
  readonly functions: ServiceFunctions;
  readonly api: HttpApi;
  readonly httpLogs: readonly ILogGroup[];
  /** Undefined where the stage has none. */
  readonly proxyName: string | undefined;
}

export interface GraphOptions {
  readonly unit?: string;
  /** Drawn as an area that adds up. */
  readonly stacked?: boolean;
  /** A line to look at: a limit, or a promise. */
  readonly line?: { readonly value: number; readonly label: string };
}

/** Three in a row. */
export function graph(
  title: string,
  left: readonly IMetric[],
  { unit, stacked = false, line }: GraphOptions = {},
): GraphWidget {
  return new GraphWidget({
    title,
    left: [...left],
    width: 8,
    height: 6,
    stacked,
    leftYAxis: { min: 0, ...(unit === undefined ? {} : { label: unit, showUnits: false }) },
    ...(line === undefined ? {} : { leftAnnotations: [line] }),
  });
}

/** 100 × part / (part + rest), where anything was asked. @param name also of the two in the expression: a graph has several */
export function percentOf(name: string, part: IMetric, rest: IMetric, period = Duration.minutes(5)): MathExpression {
  const [partId, restId] = [`${name}Part`, `${name}Rest`];
  const whole = `(FILL(${partId}, 0) + FILL(${restId}, 0))`;
  return new MathExpression({
    expression: `IF(${whole} > 0, 100 * FILL(${partId}, 0) / ${whole})`,
    usingMetrics: { [partId]: part, [restId]: rest },
    period,
    label: name,
  });
}

export const percentiles = ['p50', 'p95', 'p99'] as const;
