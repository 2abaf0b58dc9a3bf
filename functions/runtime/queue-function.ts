import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { readTelemetryConfig } from '../../shared/core/config.ts';
import type { DatabaseUser } from './connect-database.ts';
import { functionServices } from './function-services.ts';
import type { Services } from './services.ts';
import { PowertoolsMetrics } from './telemetry/powertools-metrics.ts';
import { createTelemetry } from './telemetry/telemetry.ts';

/** What a handler is called with beside its messages. */
export interface QueueInvocation {
  readonly services: Services;
  readonly context: Context;
}

/** The services of queue functions, whose metrics are written by Powertools. */
export function queueServices(user?: DatabaseUser): Services {
  const log = createTelemetry(readTelemetryConfig(), (namespace, service) => new PowertoolsMetrics(namespace, service));
  return functionServices(log, user);
}

/** The Lambda handler of a queue with independent messages: only those that fail are redelivered. */
export function queueFunction(
  handle: (record: SQSRecord, invocation: QueueInvocation) => Promise<void>,
  services: Services = queueServices(),
) {
  return middy<SQSEvent, SQSBatchResponse>({ requestEnd: () => services.log.flush() }).handler(
    async (event, context) => {
      services.log.begin(context, requestIdOf(event), causeOf(event));
      const processor = new BatchProcessor(EventType.SQS);
      const one = async (record: SQSRecord) => {
        try {
          await handle(record, { services, context });
        } catch (error) {
          services.log.recordFailed(error, { source: record.eventSourceARN, messageId: record.messageId });
          throw error;
        }
      };
      const response = await processPartialResponse(event, one, processor, { context, throwOnFullBatchFailure: false });
      await services.errors.note();
      return response;
    },
  );
}

/** The Lambda handler of a queue whose messages are processed together: after a failure the whole batch is redelivered. */
export function batchFunction(
  handle: (records: readonly SQSRecord[], invocation: QueueInvocation) => Promise<void>,
  services: Services = queueServices(),
) {
  return middy<SQSEvent, SQSBatchResponse>({ requestEnd: () => services.log.flush() }).handler(
    async (event, context) => {
      services.log.begin(context, requestIdOf(event), causeOf(event));
      try {
        await handle(event.Records, { services, context });
      } catch (error) {
        services.log.recordFailed(error, { source: sourceOf(event), messageId: context.awsRequestId });
        throw error;
      } finally {
        await services.errors.note();
      }
      return { batchItemFailures: [] };
    },
  );
}

/**
 * The Lambda handler of a queue whose messages are processed together and redelivered individually.
 * @param handle calls `fail` for each message to be redelivered; if it throws, all of them are
 */
export function partialBatchFunction(
  handle: (
    records: readonly SQSRecord[],
    invocation: QueueInvocation,
    fail: (record: SQSRecord, error: unknown) => void,
  ) => Promise<void>,
  services: Services = queueServices(),
) {
  return middy<SQSEvent, SQSBatchResponse>({ requestEnd: () => services.log.flush() }).handler(
    async (event, context) => {
      services.log.begin(context, requestIdOf(event), causeOf(event));
      const failed = new Set<string>();
      try {
        await handle(event.Records, { services, context }, (record, error) => {
          services.log.recordFailed(error, { source: record.eventSourceARN, messageId: record.messageId });
          failed.add(record.messageId);
        });
      } catch (error) {
        services.log.recordFailed(error, { source: sourceOf(event), messageId: context.awsRequestId });
        throw error;
      } finally {
        await services.errors.note();
      }
      return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) };
    },
  );
}

/** The id of the request that made the message, carried along so that one id finds the whole story. */
function requestIdOf(event: SQSEvent): string | undefined {
  return event.Records[0]?.messageAttributes?.request_id?.stringValue;
}

/** The trace in which the first of the messages was sent. */
function causeOf(event: SQSEvent): string | undefined {
  return event.Records[0]?.attributes?.AWSTraceHeader;
}

function sourceOf(event: SQSEvent): string {
  return event.Records[0]?.eventSourceARN ?? '';
}
