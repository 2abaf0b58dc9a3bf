import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { S3Error } from './errors.ts';
import { eventMessage, type ObjectEvent, sequencerOf, testEventMessage } from './event-record.ts';
import type { QueueNotification } from './settings.ts';

/**
 * Turns object events into queue messages. A message is a row, written in the transaction of the change that it tells
 * of, so a change and its notification survive a crash together.
 */
export interface Notifications {
  /** Must run in the transaction that makes the change. @returns whether any queue is to hear of it */
  record(event: ObjectEvent, now: number): boolean;
  /** Replaces the bucket's configuration; destinations hear `s3:TestEvent` when it differs from the one before. */
  configure(bucket: string, queues: readonly QueueNotification[], now: number): void;
  configuration(bucket: string): readonly QueueNotification[];
}

export function createNotifications(database: DatabaseSync): Notifications {
  const select = database.prepare('SELECT notifications FROM buckets WHERE name = ?');
  const update = database.prepare('UPDATE buckets SET notifications = ? WHERE name = ?');
  const insert = database.prepare('INSERT INTO notifications (queue_arn, body, created_at) VALUES (?, ?, ?)');
  // Never behind the clock, so that a data directory made anew does not fall behind sequencers that others remember.
  const nextSequence = database.prepare('UPDATE sequence SET value = max(value + 1, ?) RETURNING value');

  function configuration(bucket: string): readonly QueueNotification[] {
    const row = select.get(bucket);
    return row?.notifications == null ? [] : (JSON.parse(row.notifications as string) as QueueNotification[]);
  }

  return {
    configuration,
    record(event, now) {
      const interested = configuration(event.bucket).filter((queue) => isFor(queue, event));
      const { value } = nextSequence.get(now * 1000) as { value: number };
      for (const queue of interested) {
        insert.run(queue.queueArn, eventMessage(event, queue.id, sequencerOf(value), now), now);
      }
      return interested.length > 0;
    },
    configure(bucket, wanted, now) {
      checkConfiguration(wanted);
      const before = JSON.stringify(configuration(bucket));
      const after = JSON.stringify(wanted);
      if (before === after) return;
      update.run(after, bucket);
      for (const queue of wanted) {
        insert.run(queue.queueArn, testEventMessage(bucket, randomUUID(), now), now);
      }
    },
  };
}

/** Whether the queue wants the event (`s3:ObjectCreated:*` names all of its kind) and its filter lets the key through. */
function isFor(queue: QueueNotification, { name, key }: Pick<ObjectEvent, 'name' | 'key'>): boolean {
  const [kind] = name.split(':');
  const wanted = queue.events.some((each) => each === `s3:${name}` || each === `s3:${kind}:*`);
  return wanted && key.startsWith(queue.prefix) && key.endsWith(queue.suffix);
}

const OFFERED = /^s3:(ObjectCreated|ObjectRemoved|ObjectTagging|LifecycleExpiration):/;

function checkConfiguration(queues: readonly QueueNotification[]): void {
  const unknown = queues.flatMap(({ events }) => events).find((name) => !OFFERED.test(name));
  if (unknown === undefined) return;
  throw new S3Error('InvalidArgument', `The event is not supported for notifications: ${unknown}`);
}
