import type { Context } from 'aws-lambda';
import { readTelemetryConfig, type TelemetryConfig } from '../../../shared/core/config.ts';
import { type AnswerEvents, createAnswerEvents } from './answer-events.ts';
import { DimensionedMetrics } from './dimensioned-metrics.ts';
import { EmbeddedMetrics } from './embedded-metrics.ts';
import { createErrorEvents, type ErrorEvents } from './error-events.ts';
import type { EventSinks } from './event-sinks.ts';
import { createIngestionEvents, type IngestionEvents } from './ingestion-events.ts';
import { InvocationLog } from './invocation-log.ts';
import { LineWriter } from './line-writer.ts';
import { createMeasures, type Measures } from './measures.ts';
import type { Metrics } from './metrics.ts';
import { createOutageEvents, type OutageEvents } from './outage-events.ts';
import { createRequestEvents, type RequestEvents } from './request-events.ts';
import { createTraceSegments } from './trace-segments.ts';
import { createTrailEvents, type TrailEvents } from './trail-events.ts';
import { UnexpectedErrors } from './unexpected-errors.ts';
import { createUpkeepEvents, type UpkeepEvents } from './upkeep-events.ts';

/**
 * Logs and metrics of one execution environment. Every event has one method, so that its metric's name, unit and log line stand in one
 * place. A workspace is a field of the log and metadata of the metric, never a dimension: each value of a dimension is a metric that
 * is paid for.
 */
export interface Telemetry
  extends Measures,
    RequestEvents,
    IngestionEvents,
    AnswerEvents,
    OutageEvents,
    ErrorEvents,
    TrailEvents,
    UpkeepEvents {
  /** @param cause the trace header of the message that is worked on, if it carries one */
  begin(context: Pick<Context, 'awsRequestId' | 'functionName'>, requestId?: string, cause?: string): void;
  /** Of the current invocation. */
  requestId(): string | undefined;
  /** Writes the metrics of this invocation to standard output, from where CloudWatch reads them. */
  flush(): void;
}

type CreateMetrics = (namespace: string, service: string, write: (line: string) => void) => Metrics;

const createEmbeddedMetrics: CreateMetrics = (namespace, service, write) =>
  new EmbeddedMetrics(namespace, { name: 'service', value: service }, write);

/** @param createMetrics by default without Powertools, which is too slow where every request has metrics */
export function createTelemetry(
  settings: TelemetryConfig = readTelemetryConfig(),
  createMetrics: CreateMetrics = createEmbeddedMetrics,
): Telemetry {
  const lines = new LineWriter();
  const log = new InvocationLog();
  const metrics = createMetrics(settings.metricsNamespace, settings.service, lines.write);
  const dimensioned = new DimensionedMetrics(settings.metricsNamespace, lines.write);
  const measures = createMeasures({ metrics, dimensioned, trace: createTraceSegments() });
  const sinks: EventSinks = {
    measures,
    dimensioned,
    errors: new UnexpectedErrors(),
    count: (name, value = 1) => metrics.add(name, 'Count', value),
    time: (name, milliseconds) => metrics.add(name, 'Milliseconds', milliseconds),
    logger: () => log.logger(),
  };
  return {
    ...measures,
    ...createRequestEvents(sinks, { settings, fields: () => log.fields, write: lines.write }),
    ...createIngestionEvents(sinks),
    ...createAnswerEvents(sinks, settings),
    ...createOutageEvents(sinks),
    ...createErrorEvents(sinks),
    ...createTrailEvents(sinks),
    ...createUpkeepEvents(sinks),
    begin: (context, requestId, cause) => log.begin(context, requestId, cause),
    requestId: () => log.fields?.request_id,
    flush() {
      lines.together(() => {
        metrics.publish();
        dimensioned.publish();
      });
    },
  };
}
