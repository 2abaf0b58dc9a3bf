import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../aws/clock.ts';
import type { Log } from '../aws/json-protocol.ts';
import { draw, type Faults } from './faults.ts';

/** Hands a message to its queue. Resolves once the queue has made it durable. */
export type Notify = (queueArn: string, body: string) => void | Promise<void>;

export interface NotificationDelivery {
  /** Something was recorded: deliver soon. */
  wake(): void;
  /** Resolves when nothing waits any more (delayed messages are waited for, failing ones are not given up). */
  drained(): Promise<void>;
  /** Stops after the message in hand; what is left stays in the table for the next start. */
  stop(): Promise<void>;
}

const SLICE = 100;
const FIRST_RETRY = 200;
const LONGEST_RETRY = 10_000;

interface Waiting {
  readonly id: number;
  readonly queue_arn: string;
  readonly body: string;
}

/** Takes recorded notifications to their queues, at least once each: a row goes only after `notify` has returned. */
export function startDelivery(
  database: DatabaseSync,
  notify: Notify,
  faults: Faults,
  clock: Clock,
  log: Log,
): NotificationDelivery {
  const select = database.prepare(
    `SELECT id, queue_arn, body FROM notifications
      WHERE created_at <= ? AND queue_arn NOT IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?`,
  );
  const earliest = database.prepare('SELECT min(created_at) AS created_at FROM notifications');
  const remove = database.prepare('DELETE FROM notifications WHERE id = ?');
  let stopped = false;
  let running: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;
  let retry = FIRST_RETRY;
  let waiters: (() => void)[] = [];

  const dueBefore = () => clock.now() - faults.notificationDelayMilliseconds;

  async function deliver(message: Waiting): Promise<void> {
    await notify(message.queue_arn, message.body);
    if (draw(faults, faults.notificationDuplicateRate)) await notify(message.queue_arn, message.body);
    remove.run(message.id);
  }

  /** Delivers what is due until nothing is. A queue that fails is left alone for the rest of the round, which keeps its order. */
  async function round(): Promise<boolean> {
    const failed = new Set<string>();
    while (!stopped) {
      const slice = select.all(dueBefore(), JSON.stringify([...failed]), SLICE) as unknown as Waiting[];
      if (slice.length === 0) break;
      for (const message of shuffled(slice, faults)) {
        if (stopped) break;
        if (failed.has(message.queue_arn)) continue;
        await deliver(message).catch((error: unknown) => {
          failed.add(message.queue_arn);
          const fields = { queue: message.queue_arn, error: String(error), retry_in_ms: retry };
          log('An S3 notification could not be delivered; it is kept and tried again', fields);
        });
      }
    }
    return failed.size === 0;
  }

  function arm(milliseconds: number): void {
    cancelTimer?.();
    cancelTimer = clock.after(milliseconds, wake);
  }

  function afterRound(allWell: boolean): void {
    running = undefined;
    if (stopped) return;
    const { created_at } = earliest.get() as { created_at: number | null };
    if (created_at === null) {
      for (const settle of waiters) settle();
      waiters = [];
    } else if (allWell) {
      arm(Math.max(1, created_at - dueBefore()));
    } else {
      arm(retry);
    }
    retry = allWell ? FIRST_RETRY : Math.min(retry * 2, LONGEST_RETRY);
  }

  function wake(): void {
    if (stopped || running !== undefined) return;
    running = round().then(afterRound);
  }

  wake();
  return {
    wake,
    drained: () =>
      new Promise((resolve) => {
        waiters.push(resolve);
        wake();
      }),
    async stop() {
      stopped = true;
      cancelTimer?.();
      await running;
    },
  };
}

/** Out of order within windows of the configured size; the same order when it is 0. */
function shuffled(messages: readonly Waiting[], faults: Faults): Waiting[] {
  const window = faults.notificationReorderWindow;
  return messages
    .map((message, place) => ({ message, place: place + (window > 0 ? faults.random() * window : 0) }))
    .sort((left, right) => left.place - right.place)
    .map(({ message }) => message);
}
