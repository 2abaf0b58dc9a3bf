import type { Assembly } from '../assembly/model.ts';
import { type QueueSize, renderFieldMetrics } from '../cloudwatch/field-metrics.ts';
import type { LocalMetrics } from '../cloudwatch/metrics.ts';
import type { GatewaySettings } from '../gateway/server.ts';
import type { TraceDaemon } from '../xray/trace-daemon.ts';
import type { AwsServices } from './aws-services.ts';

export interface Watched {
  readonly assembly: Assembly;
  readonly aws: Pick<AwsServices, 'sqs'>;
  readonly metrics: LocalMetrics;
  readonly traces: TraceDaemon;
}

/** Pages of the machine itself: `/metrics` for Prometheus, under our names and those of the field, and the newest `/traces` as JSON. */
export function watchingPages({ assembly, aws, metrics, traces }: Watched): NonNullable<GatewaySettings['pages']> {
  return {
    '/metrics': () => ({
      contentType: 'text/plain; version=0.0.4',
      body: metrics.render() + renderFieldMetrics(metrics, sizesOf(assembly, aws)),
    }),
    '/traces': () => ({ contentType: 'application/json', body: JSON.stringify(byTrace(traces)) }),
  };
}

function sizesOf(assembly: Assembly, aws: Watched['aws']): QueueSize[] {
  return assembly.queues.flatMap(({ name, arn }) => {
    const counts = aws.sqs.queue(arn)?.counts();
    if (!counts || name.endsWith('-dead-letters')) return [];
    return [
      {
        name: name.replace(/^dbrag-[a-z0-9-]*?-(?=uploads|ingest|embed|maintenance|catalog)/, ''),
        messages: counts.visible + counts.inFlight + counts.delayed,
      },
    ];
  });
}

/** One entry a trace, newest last, with its parts in the order in which they began. */
function byTrace(traces: TraceDaemon): object[] {
  return [...Map.groupBy(traces.segments(), ({ traceId }) => traceId)].map(([trace_id, segments]) => ({
    trace_id,
    segments: segments
      .toSorted((one, other) => one.startTime - other.startTime)
      .map(({ name, startTime, endTime, fault }) => ({
        name,
        started_at: new Date(startTime * 1_000).toISOString(),
        milliseconds: Math.round((endTime - startTime) * 1e6) / 1e3,
        fault,
      })),
  }));
}
