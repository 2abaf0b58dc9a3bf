import type { BatchResultErrorEntry, SendMessageBatchRequestEntry, SQSClient } from '@aws-sdk/client-sqs';
import type { Nudge, QueueName, WorkQueue } from '../../core/work-queue.ts';

const entriesPerBatch = 10;
/** A bulk of nudges is bound by round trips; a few at a time keep the connections few. */
const batchesAtOnce = 8;

export interface SqsWorkQueueOptions {
  readonly urls: Readonly<Record<QueueName, string | undefined>>;
  /** Put on each message, so that one id finds the whole story in the logs. */
  readonly requestId: () => string | undefined;
  /** The X-Ray header of the request that causes the work, also put on each message: the receiver is linked to that trace. */
  readonly traceHeader?: () => string | undefined;
  readonly onFailure: (queue: QueueName, count: number, error: unknown) => void;
}

/** The work queues on SQS. The client is made at the first send: importing it costs 50 ms that most requests need not pay. */
export function createSqsWorkQueue(options: SqsWorkQueueOptions): WorkQueue {
  let client: Promise<SQSClient> | undefined;
  const connect = () => {
    client ??= import('@aws-sdk/client-sqs').then(
      ({ SQSClient }) => new SQSClient({ maxAttempts: 3, cacheMiddleware: true }),
    );
    return client;
  };
  return {
    async send(queue, nudges) {
      const batches: (readonly Nudge[])[] = [];
      for (let start = 0; start < nudges.length; start += entriesPerBatch)
        batches.push(nudges.slice(start, start + entriesPerBatch));
      let accepted = 0;
      const sendSome = async () => {
        for (let batch = batches.shift(); batch; batch = batches.shift()) {
          try {
            const entries = entriesOf(batch, options.requestId(), options.traceHeader?.());
            const refused = await sendBatch(await connect(), urlOf(options.urls, queue), entries);
            accepted += entries.length - refused.length;
            if (refused.length > 0)
              options.onFailure(queue, refused.length, new Error(`Refused twice: ${refused[0]?.Code}`));
          } catch (error) {
            options.onFailure(queue, batch.length, error);
          }
        }
      };
      await Promise.all(Array.from({ length: Math.min(batchesAtOnce, batches.length) }, sendSome));
      return accepted;
    },
    async depth(queue) {
      const { GetQueueAttributesCommand } = await import('@aws-sdk/client-sqs');
      const { Attributes } = await (await connect()).send(
        new GetQueueAttributesCommand({
          QueueUrl: urlOf(options.urls, queue),
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
        }),
      );
      return (
        Number(Attributes?.ApproximateNumberOfMessages ?? 0) +
        Number(Attributes?.ApproximateNumberOfMessagesNotVisible ?? 0)
      );
    },
  };
}

/** Sends up to ten entries; those that SQS refused singly are sent once more. @returns what it refused then */
async function sendBatch(
  client: SQSClient,
  url: string,
  entries: SendMessageBatchRequestEntry[],
): Promise<readonly BatchResultErrorEntry[]> {
  const { SendMessageBatchCommand } = await import('@aws-sdk/client-sqs');
  const first = await client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: entries }));
  const refused = new Set((first.Failed ?? []).map((failure) => failure.Id));
  if (refused.size === 0) return [];
  const again = await client.send(
    new SendMessageBatchCommand({ QueueUrl: url, Entries: entries.filter((entry) => refused.has(entry.Id)) }),
  );
  return again.Failed ?? [];
}

function entriesOf(
  nudges: readonly Nudge[],
  requestId: string | undefined,
  traceHeader: string | undefined,
): SendMessageBatchRequestEntry[] {
  return nudges.map((nudge, i) => ({
    Id: String(i),
    MessageBody: JSON.stringify(nudge.body),
    ...(nudge.groupId === undefined ? {} : { MessageGroupId: nudge.groupId }),
    ...(nudge.delaySeconds === undefined ? {} : { DelaySeconds: nudge.delaySeconds }),
    ...(requestId === undefined
      ? {}
      : { MessageAttributes: { request_id: { DataType: 'String', StringValue: requestId } } }),
    ...(traceHeader === undefined
      ? {}
      : { MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: traceHeader } } }),
  }));
}

function urlOf(urls: Readonly<Record<QueueName, string | undefined>>, queue: QueueName): string {
  const url = urls[queue];
  if (!url) throw new Error(`This function has not been given the queue ${queue}.`);
  return url;
}
