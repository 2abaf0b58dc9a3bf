import type { IWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Duration } from 'aws-cdk-lib/core';
import { totalOf, workConcurrency } from '../../work-concurrency.ts';
import { priorities } from '../queues.ts';
import { graph, percentiles, type WidgetParts } from './widgets.ts';

const period = Duration.minutes(5);

/** Documents on their way: how many come and are done, what waits, and how the model is asked. */
export function documentRows({ stage, metrics, queues, functions }: WidgetParts): IWidget[][] {
  const embed = (name: string, statistic = 'Sum', label = name) =>
    metrics.of(name, { service: 'embed-chunks' }, { statistic, label });
  const ingest = (name: string) => metrics.of(name, { service: 'ingest-document' });
  const waiting = [
    { name: 'uploads', queue: queues.uploads.queue },
    ...priorities.flatMap((priority) => [
      { name: `ingest ${priority}`, queue: queues.ingest[priority].queue },
      { name: `embed ${priority}`, queue: queues.embed[priority].queue },
    ]),
  ];
  const work = workConcurrency(stage);
  return [
    [
      graph('Documents', [
        metrics.sumOf('DocumentAccepted', ['api', 'register-upload']),
        ingest('DocumentIngested'),
        embed('DocumentReady'),
        ingest('DocumentFailed'),
      ]),
      graph(
        'Messages that wait, by priority',
        waiting.map(({ name, queue }) => queue.metricApproximateNumberOfMessagesVisible({ label: name, period })),
        { stacked: true },
      ),
      graph(
        'Age of the oldest message, by priority',
        waiting.map(({ name, queue }) =>
          queue.metricApproximateAgeOfOldestMessage({ label: name, period, statistic: 'Maximum' }),
        ),
        { unit: 's' },
      ),
    ],
    [
      graph(
        'Requests to the embedding model',
        percentiles.map((at) => embed('EmbeddingRequestDuration', at, at)),
        {
          unit: 'ms',
        },
      ),
      graph(
        'How full embedding requests are',
        [embed('BatchFill', 'p50', 'p50'), embed('BatchFill', 'Average', 'mean')],
        {
          unit: '%',
        },
      ),
      graph('The model says no, or nothing', [
        embed('EmbeddingRequestFailed'),
        embed('EmbeddingWait'),
        embed('ModelRateLimited'),
        embed('ModelOutage'),
        embed('ModelRefused'),
      ]),
    ],
    [
      graph(
        'Workers at once',
        [functions.ingestDocument, functions.embedChunks].map((fn, at) =>
          fn.metric('ConcurrentExecutions', {
            period,
            statistic: 'Maximum',
            label: at === 0 ? `ingest, of ${totalOf(work.ingest)}` : `embed, of ${totalOf(work.embed)}`,
          }),
        ),
      ),
      graph('Work that failed, was given up or came again', [
        metrics.of('RetriesExhausted', { service: 'dead-letter' }),
        ...['ingest-document', 'embed-chunks', 'maintain'].map((service) =>
          metrics.of('OutageOutlasted', { service }, { label: `outlasted: ${service}` }),
        ),
        metrics.of('SweepNudge', { service: 'maintain' }),
        metrics.of('UpkeepFailed', { service: 'maintain' }),
      ]),
      graph(
        'What indexes find of the nearest',
        [metrics.of('IndexRecall', { service: 'maintain' }, { statistic: 'Minimum', period: Duration.hours(24) })],
        { unit: '%', line: { value: 95, label: 'promised above 100,000 chunks' } },
      ),
    ],
  ];
}
