import type { IWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Duration } from 'aws-cdk-lib/core';
import { connectionLimit } from '../connection-limit.ts';
import { graph, type WidgetParts } from './widgets.ts';

const period = Duration.minutes(5);

/** Functions, the database and the cache. */
export function systemRows({ stage, metrics, functions, proxyName }: WidgetParts): IWidget[][] {
  const all = Object.entries(functions);
  const limit = connectionLimit(stage.database);
  const proxied = (name: string, ProxyName: string) =>
    metrics.metric('AWS/RDS', name, { ProxyName }, { statistic: 'Maximum', label: name });
  return [
    [
      graph(
        'Functions that failed',
        all.map(([name, fn]) => fn.metricErrors({ period, label: name })),
        { stacked: true },
      ),
      graph(
        'Functions that were throttled',
        all.map(([name, fn]) => fn.metricThrottles({ period, label: name })),
        {
          stacked: true,
        },
      ),
      graph(
        'Environments at once',
        all.map(([name, fn]) => fn.metric('ConcurrentExecutions', { period, statistic: 'Maximum', label: name })),
        { stacked: true },
      ),
    ],
    [
      graph('Capacity of the database', [metrics.database('ServerlessDatabaseCapacity', { label: 'units' })], {
        line: { value: stage.database.capacity.maximum, label: 'maximum' },
      }),
      graph(
        'Connections of the database',
        [
          metrics.database('DatabaseConnections', { label: 'open' }, 'WRITER'),
          ...(proxyName === undefined
            ? []
            : [
                proxied('DatabaseConnectionsCurrentlySessionPinned', proxyName),
                proxied('DatabaseConnectionsBorrowLatency', proxyName),
              ]),
        ],
        { line: { value: limit, label: 'limit' } },
      ),
      graph('What the database reads and writes', [
        metrics.database('VolumeReadIOPs', { statistic: 'Sum', label: 'reads' }),
        metrics.database('VolumeWriteIOPs', { statistic: 'Sum', label: 'writes' }),
      ]),
    ],
    [
      graph('Indexing, trail and quotas', [
        metrics.sumOf('NudgeFailed', ['api', 'ingest-document', 'embed-chunks', 'maintain']),
        metrics.sumOf('CacheFailure', ['api', 'stream', 'embed-chunks']),
        metrics.sumOf('SecretFallback', ['api', 'stream', 'embed-chunks']),
        metrics.sumOf('QuotaNear', ['api', 'stream', 'register-upload']),
      ]),
      graph('Unexpected errors that are news, and failures that nobody waited for', [
        metrics.of('ErrorNew', { scope: 'deployment' }),
        metrics.of('StrayRejection', { scope: 'deployment' }),
      ]),
      // Of chains and of roots, once a night each: the longer.
      graph('Days since the audit trail was verified to its end', [
        metrics.of(
          'TrailUnverifiedDays',
          { service: 'maintain' },
          { period: Duration.days(1), statistic: 'Maximum', label: 'days' },
        ),
      ]),
      ...(stage.database.readers === 0
        ? []
        : [
            graph(
              'Searches that readers were asked for',
              ['answered', 'behind', 'failed'].map((outcome) =>
                metrics.of('ReaderSearch', { outcome }, { label: outcome }),
              ),
              { stacked: true },
            ),
          ]),
    ],
  ];
}
