import { type IMetric, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { Alarms } from '../alarms.ts';
import type { HttpApi } from '../http-api.ts';
import type { ServiceFunctions } from '../service-functions.ts';
import type { ServiceMetrics } from './service-metrics.ts';

/** A promise: of what is asked, so much succeeds, in the mean of a month. */
export interface Objective {
  readonly name: string;
  readonly promise: string;
  readonly runbook: string;
  /** 0 to 1. */
  readonly target: number;
  readonly bad: (period: Duration) => readonly IMetric[];
  readonly all: (period: Duration) => readonly IMetric[];
}

/**
 * "Multiwindow, multi-burn-rate alerts" (The Site Reliability Workbook, chapter 5): a service that burns a month's budget 14.4 times too
 * fast has spent 2 % of it in an hour; 6 times, 5 % in six hours. The short window ends the alarm soon after the cause has ended.
 */
const burns = [
  { name: 'Fast', rate: 14.4, long: Duration.hours(1), short: Duration.minutes(5) },
  { name: 'Slow', rate: 6, long: Duration.hours(6), short: Duration.minutes(30) },
] as const;
/** Fewer in a window say nothing: one failure of three is no rate. */
const fewest = 20;

export interface ObjectivesProps {
  readonly alarms: Alarms;
  readonly objectives: readonly Objective[];
}

/** Alarms on how fast the budgets of the objectives are spent. */
export class Objectives extends Construct {
  constructor(scope: Construct, id: string, { alarms, objectives }: ObjectivesProps) {
    super(scope, id);
    for (const objective of objectives)
      for (const { name, rate, long, short } of burns) {
        const above = rate * (1 - objective.target);
        const says = `${objective.promise} At this rate a month's failures are spent in ${Math.round((30 / rate) * 10) / 10} days.`;
        const { runbook } = objective;
        const part = (period: Duration) => ({ says, runbook, metric: failing(objective, period), above });
        alarms.watchTogether(this, `${objective.name}${name}`, {
          says,
          runbook,
          parts: { Long: part(long), Short: part(short) },
        });
      }
  }
}

/** The share that failed, 0 to 1, in each period. */
function failing({ name, bad, all }: Objective, period: Duration): MathExpression {
  const named = (prefix: string, metrics: readonly IMetric[]) =>
    Object.fromEntries(metrics.map((metric, at) => [`${prefix}${at}`, metric]));
  const failed = named('bad', bad(period));
  const asked = named('all', all(period));
  const sum = (metrics: object) =>
    Object.keys(metrics)
      .map((id) => `FILL(${id}, 0)`)
      .join(' + ');
  return new MathExpression({
    expression: `IF((${sum(asked)}) >= ${fewest}, (${sum(failed)}) / (${sum(asked)}), 0)`,
    usingMetrics: { ...failed, ...asked },
    period,
    label: name,
  });
}

/** The three of the service. */
export function serviceObjectives(
  metrics: ServiceMetrics,
  api: HttpApi,
  { ingestDocument, embedChunks }: ServiceFunctions,
): readonly Objective[] {
  const query = (name: string, period: Duration) => metrics.of(name, { service: 'stream' }, { period });
  const workers: readonly LambdaFunction[] = [ingestDocument, embedChunks];
  return [
    {
      name: 'Api',
      promise: '99.9 % of requests are to be answered without a fault of ours.',
      runbook: 'An objective is missed',
      target: 0.999,
      bad: (period) => [api.serverErrors(period)],
      all: (period) => [api.requests(period)],
    },
    {
      name: 'Queries',
      promise: '99.5 % of questions are to be answered, if only by saying that nothing was found.',
      runbook: 'An objective is missed',
      target: 0.995,
      bad: (period) => [query('QueryFailed', period)],
      all: (period) => ['QueryAnswered', 'QueryUnanswered', 'QueryFailed'].map((name) => query(name, period)),
    },
    {
      name: 'Workers',
      promise: '99 % of the invocations of workers are to end well.',
      runbook: 'An objective is missed',
      target: 0.99,
      bad: (period) => workers.map((fn) => fn.metricErrors({ period })),
      all: (period) => workers.map((fn) => fn.metricInvocations({ period })),
    },
  ];
}
