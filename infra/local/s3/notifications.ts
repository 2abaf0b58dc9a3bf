import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { S3Error } from './errors.ts';
import { eventMessage, type ObjectEvent, sequencerOf, testEventMessage } from './event-record.ts';
import type { NotificationConfiguration, QueueConfiguration } from './settings.ts';

/**
 * Turns object events into queue messages. A message is a row, written in the transaction of the change that it tells
 * of, so a change and its notification survive a crash together.
 */
export interface Notifications {
  /** Must run in the transaction that makes the change. */
  record(event: ObjectEvent, now: number): void;
  /** Replaces the bucket's configuration; destinations hear `s3:TestEvent` when it differs from the one before. */
  configure(bucket: string, configuration: NotificationConfiguration, now: number): void;
  configuration(bucket: string): NotificationConfiguration;
}

export function createNotifications(database: DatabaseSync): Notifications {
  const select = database.prepare('SELECT notifications FROM buckets WHERE name = ?');
  const update = database.prepare('UPDATE buckets SET notifications = ? WHERE name = ?');
  const insert = database.prepare('INSERT INTO notifications (queue_arn, body, created_at) VALUES (?, ?, ?)');
  // Never behind the clock, so that a data directory made anew does not fall behind sequencers that others remember.
  const nextSequence = database.prepare('UPDATE sequence SET value = max(value + 1, ?) RETURNING value');

  function configuration(bucket: string): NotificationConfiguration {
    const row = select.get(bucket);
    return row?.notifications == null ? {} : (JSON.parse(row.notifications as string) as NotificationConfiguration);
  }

  return {
    configuration,
    record(event, now) {
      const interested = (configuration(event.bucket).QueueConfigurations ?? []).filter((queue) => isFor(queue, event));
      const { value } = nextSequence.get(now * 1000) as { value: number };
      for (const queue of interested) {
        insert.run(queue.QueueArn, eventMessage(event, queue.Id ?? 'notification', sequencerOf(value), now), now);
      }
    },
    configure(bucket, wanted, now) {
      checkConfiguration(wanted);
      const before = JSON.stringify(configuration(bucket));
      const after = JSON.stringify(wanted);
      if (before === after) return;
      update.run(after, bucket);
      for (const queue of wanted.QueueConfigurations ?? []) {
        insert.run(queue.QueueArn, testEventMessage(bucket, randomUUID(), now), now);
      }
    },
  };
}

/** Whether the configuration names the event (`s3:ObjectCreated:*` names all of its kind) and its filter lets the key through. */
export function isFor(queue: QueueConfiguration, event: Pick<ObjectEvent, 'name' | 'key'>): boolean {
  const [kind] = event.name.split(':');
  if (!queue.Events.some((wanted) => wanted === `s3:${event.name}` || wanted === `s3:${kind}:*`)) return false;
  return (queue.Filter?.Key?.FilterRules ?? []).every(({ Name, Value }) =>
    Name.toLowerCase() === 'prefix' ? event.key.startsWith(Value) : event.key.endsWith(Value),
  );
}

function checkConfiguration(wanted: NotificationConfiguration): void {
  if (
    wanted.TopicConfigurations?.length ||
    wanted.LambdaFunctionConfigurations?.length ||
    wanted.EventBridgeConfiguration
  ) {
    throw new S3Error('InvalidArgument', 'Only queues can be notified here.');
  }
  for (const queue of wanted.QueueConfigurations ?? []) {
    const rules = queue.Filter?.Key?.FilterRules ?? [];
    if (rules.some(({ Name }) => !/^(prefix|suffix)$/i.test(Name))) {
      throw new S3Error('InvalidArgument', 'filter rule name must be either prefix or suffix');
    }
    if (
      queue.Events.some((name) => !/^s3:(ObjectCreated|ObjectRemoved|ObjectTagging|LifecycleExpiration):/.test(name))
    ) {
      throw new S3Error('InvalidArgument', `The event is not supported for notifications: ${queue.Events.join(', ')}`);
    }
  }
}
