import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { StageSettings } from '../../stage-settings.ts';
import type { Alarms, Watched } from '../alarms.ts';
import { connectionLimit } from '../connection-limit.ts';
import type { Queues } from '../queues.ts';
import type { ServiceFunctions } from '../service-functions.ts';
import type { ServiceMetrics } from './service-metrics.ts';

/** Work of the low priority may wait for a day; what somebody waits for may not. */
const longestWait = Duration.minutes(30);
const busyPercent = 95;
const connectionsPercent = 80;
/** Share of a proxy's connections; a pinned one serves a single function. */
const pinnedPercent = 50;
/** While a workspace is loaded, its searches find readers behind: these may be most of all for a while. */
const passedOverPercent = 50;
const asked = 'FILL(answered, 0) + FILL(behind, 0) + FILL(failed, 0)';
/** A few throttled starts are how a burst looks. */
const refusedAtOnce = 10;
const minutes = (count: number) => Duration.minutes(count);

export interface ServiceAlarmsProps {
  readonly stage: StageSettings;
  readonly metrics: ServiceMetrics;
  readonly alarms: Alarms;
  readonly queues: Queues;
  readonly functions: ServiceFunctions;
  /** Undefined where the stage has none. */
  readonly proxyName: string | undefined;
}

/** Alarms on numbers that are too high, each with a heading of the runbook. Objectives and dead letters have their own. */
export class ServiceAlarms extends Construct {
  constructor(scope: Construct, id: string, props: ServiceAlarmsProps) {
    super(scope, id);
    const all = { ...ownAlarms(props), ...workAlarms(props), ...databaseAlarms(props) };
    for (const [name, watched] of Object.entries(all)) props.alarms.watch(this, name, watched);
  }
}

/** Each counts something that should never happen. */
function ownAlarms({ metrics }: ServiceAlarmsProps): Record<string, Watched> {
  return {
    // The dead-letter function counts what it writes off.
    DeadLetters: {
      says: 'Work was given up.',
      runbook: 'Work was given up',
      metric: metrics.of('RetriesExhausted', { service: 'dead-letter' }),
      above: 0,
    },
    // While the provider refuses us, documents wait: nothing but a new key, a payment or another model ends that.
    ModelRefused: {
      says: 'The model provider refuses the key, the account or the model.',
      runbook: 'The model provider refuses us',
      metric: metrics.of('ModelRefused', { service: 'embed-chunks' }),
      above: 0,
    },
    // Every night the whole trail is walked; whatever does not agree was done by somebody with the owner's rights.
    TrailBroken: {
      says: 'The audit trail was changed.',
      runbook: 'The audit trail does not agree',
      metric: metrics.of('TrailBroken', { service: 'maintain' }),
      above: 0,
    },
    // Every night documents are compared with what was promised of them.
    IntegrityViolated: {
      says: 'Documents are not what was promised of them.',
      runbook: 'Documents are not what was promised',
      metric: metrics.of('IntegrityViolations', { service: 'maintain' }),
      above: 0,
    },
    TrailLost: {
      says: 'Reads were answered that the audit trail will not tell of.',
      runbook: 'The audit trail does not agree',
      metric: metrics.sumOf('AuditEventLost', ['api', 'stream']),
      above: 0,
    },
    ErrorNew: {
      says: 'A function failed in a way that was not seen before.',
      runbook: 'An error was not seen before',
      metric: metrics.of('ErrorNew', { scope: 'deployment' }),
      above: 0,
    },
    StrayRejection: {
      says: 'Something failed that nobody waited for.',
      runbook: 'Something failed that nobody waited for',
      metric: metrics.of('StrayRejection', { scope: 'deployment' }),
      above: 0,
    },
    // Measured once a night.
    RecallBroken: {
      says: 'An index finds less than it promises.',
      runbook: 'Searches miss what they promise',
      metric: metrics.of('RecallBroken', { service: 'maintain' }, { period: Duration.hours(1) }),
      above: 0,
    },
  };
}

function workAlarms({ queues, functions }: ServiceAlarmsProps): Record<string, Watched> {
  const urgent = [queues.uploads, ...[queues.ingest, queues.embed].flatMap((each) => [each.critical, each.default])];
  const ages = urgent.map(
    ({ queue }, at) =>
      [`age${at}`, queue.metricApproximateAgeOfOldestMessage({ period: minutes(5), statistic: 'Maximum' })] as const,
  );
  return {
    WorkWaits: {
      says: `Documents wait for more than ${longestWait.toMinutes()} minutes.`,
      runbook: 'Work waits',
      metric: new MathExpression({
        expression: `MAX([${ages.map(([id]) => `FILL(${id}, 0)`).join(', ')}])`,
        usingMetrics: Object.fromEntries(ages),
        period: minutes(5),
        label: 'The oldest message',
      }),
      above: longestWait.toSeconds(),
      periods: 2,
    },
    RequestsRefused: {
      says: 'Requests are turned away, since all environments of the API are busy.',
      runbook: 'Requests are turned away',
      metric: sumOfFunctions([functions.httpApi, functions.httpStream], (fn) =>
        fn.metricThrottles({ period: minutes(5) }),
      ),
      above: refusedAtOnce,
      periods: 2,
    },
  };
}

function databaseAlarms({ stage, metrics, proxyName }: ServiceAlarmsProps): Record<string, Watched> {
  const limit = connectionLimit(stage.database);
  return {
    DatabaseBusy: {
      says: `The database has used ${busyPercent} % of its capacity for a quarter of an hour.`,
      runbook: 'The database is at its capacity',
      metric: metrics.database('ACUUtilization', { statistic: 'Average' }, 'WRITER'),
      above: busyPercent,
      periods: 3,
    },
    ConnectionsUsed: {
      says: `More than ${connectionsPercent} % of the ${limit} connections of the database are open.`,
      runbook: 'Connections run out',
      metric: metrics.database('DatabaseConnections', {}, 'WRITER'),
      above: Math.floor((limit * connectionsPercent) / 100),
      periods: 2,
    },
    ...(proxyName === undefined ? {} : { ConnectionsPinned: pinned(metrics, proxyName) }),
    ...(stage.database.readers === 0 ? {} : { ReadersUnused: unused(metrics) }),
  };
}

/** A reader that failed is asked twice a minute by each environment, and not at every search. */
function unused(metrics: ServiceMetrics): Watched {
  const of = (outcome: string) => metrics.of('ReaderSearch', { outcome });
  return {
    says: `More than ${passedOverPercent} % of the searches that the readers were asked for went to the writer.`,
    runbook: 'Readers are passed over',
    metric: new MathExpression({
      expression: `IF(${asked} >= 5, 100 * (FILL(behind, 0) + FILL(failed, 0)) / (${asked}), 0)`,
      usingMetrics: { answered: of('answered'), behind: of('behind'), failed: of('failed') },
      period: minutes(5),
      label: 'Searches that readers did not answer, percent',
    }),
    above: passedOverPercent,
    periods: 3,
  };
}

function pinned(metrics: ServiceMetrics, ProxyName: string): Watched {
  const of = (name: string) => metrics.metric('AWS/RDS', name, { ProxyName }, { statistic: 'Average' });
  return {
    says: `More than ${pinnedPercent} % of the connections of the proxy are pinned.`,
    runbook: 'Connections run out',
    metric: new MathExpression({
      expression: 'IF(open > 10, 100 * pinned / open, 0)',
      usingMetrics: {
        pinned: of('DatabaseConnectionsCurrentlySessionPinned'),
        open: of('DatabaseConnections'),
      },
      period: minutes(5),
      label: 'Pinned connections, percent',
    }),
    above: pinnedPercent,
    periods: 3,
  };
}

function sumOfFunctions(
  functions: readonly LambdaFunction[],
  metricOf: (fn: LambdaFunction) => ReturnType<LambdaFunction['metricThrottles']>,
): MathExpression {
  const parts = functions.map((fn, at) => [`f${at}`, metricOf(fn)] as const);
  return new MathExpression({
    expression: parts.map(([id]) => `FILL(${id}, 0)`).join(' + '),
    usingMetrics: Object.fromEntries(parts),
    period: minutes(5),
    label: 'Throttled',
  });
}
