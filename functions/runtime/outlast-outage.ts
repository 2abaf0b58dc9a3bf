import type { SQSRecord } from 'aws-lambda';
import { isOutage } from '../../shared/core/outage.ts';
import type { QueueName } from '../../shared/core/work-queue.ts';
import type { Services } from './services.ts';

/** The services needed to send messages again. */
export type OutageServices = Pick<Services, 'config' | 'queue' | 'log'>;

/** Long enough that an outage costs little, short enough that work resumes soon after it. */
const laterSeconds = 30;
const deadLetters = '-dead-letters';

/**
 * Does work for some messages. During an outage of a dependency, fresh copies of them are sent with a delay and these are acknowledged.
 * So an outage uses up no receives, however long it lasts: receives count crashes. Copies stop when the row that they are about has
 * ended, at its deadline at the latest.
 * @throws what `work` throws, if it is no outage or the copies could not be sent: then the messages are redelivered as they are
 */
export async function outlastOutage(
  services: OutageServices,
  records: readonly SQSRecord[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isOutage(error) || !(await sendAgain(services, records, laterSeconds))) throw error;
    const queue = nameOfQueue(records[0] as SQSRecord, services) as QueueName;
    services.log.outlasted({ queue, messages: records.length, reason: (error as Error).message });
  }
}

/** Puts fresh copies of messages into the queue that they came from, or first were in. @returns whether all were taken */
export async function sendAgain(
  services: OutageServices,
  records: readonly SQSRecord[],
  delaySeconds: number,
): Promise<boolean> {
  const [first] = records;
  const name = first && nameOfQueue(first, services);
  if (name === undefined) return false;
  const nudges = records.map((record) => {
    const body = JSON.parse(record.body) as { workspace_id?: string };
    return { body, delaySeconds, ...(body.workspace_id === undefined ? {} : { groupId: body.workspace_id }) };
  });
  return (await services.queue.send(name, nudges)) === nudges.length;
}

/** @returns undefined for a queue that no function of ours sends to */
export function nameOfQueue(
  { eventSourceARN }: Pick<SQSRecord, 'eventSourceARN'>,
  { config }: Pick<OutageServices, 'config'>,
): QueueName | undefined {
  const full = eventSourceARN.slice(eventSourceARN.lastIndexOf(':') + 1);
  const source = full.endsWith(deadLetters) ? full.slice(0, -deadLetters.length) : full;
  const prefix = `dbrag-${config.stage}-`;
  const name = source.startsWith(prefix) ? source.slice(prefix.length) : '';
  return Object.hasOwn(config.queueUrls, name) ? (name as QueueName) : undefined;
}
