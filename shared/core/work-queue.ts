/** Urgency of ingestion work: each has its own queues and its own share of concurrency. */
export const priorities = ['critical', 'default', 'low'] as const;
export type Priority = (typeof priorities)[number];

export type QueueName =
  | 'uploads'
  | 'ingest-critical'
  | 'ingest-default'
  | 'ingest-low'
  | 'embed-critical'
  | 'embed-default'
  | 'embed-low'
  | 'maintenance'
  | 'catalog';

/** The longest delay that a queue supports: a message for later is sent again on arrival. */
export const longestDelaySeconds = 900;

export interface Nudge {
  /** JSON-serialisable: keys, never text. */
  readonly body: unknown;
  /** Fairness group on the queue: the workspace. */
  readonly groupId?: string;
  /** Whole seconds, at most `longestDelaySeconds`. */
  readonly delaySeconds?: number;
}

/** A nudge and the queue that it goes to. */
export interface AddressedNudge {
  readonly queue: QueueName;
  readonly nudge: Nudge;
}

/**
 * Where nudges go. A send that fails is not an error of the work: the row is the truth and the sweeper nudges again, so callers
 * report the failure and continue.
 */
export interface WorkQueue {
  /** @returns how many of the nudges were certainly accepted */
  send(queue: QueueName, nudges: readonly Nudge[]): Promise<number>;
  /** Messages waiting or in flight, approximately. */
  depth(queue: QueueName): Promise<number>;
}

/** Sends nudges for several queues, each queue's together. @returns how many were certainly accepted */
export async function sendNudges(queue: WorkQueue, nudges: readonly AddressedNudge[]): Promise<number> {
  let accepted = 0;
  for (const [name, addressed] of Map.groupBy(nudges, (one) => one.queue)) {
    accepted += await queue.send(
      name,
      addressed.map(({ nudge }) => nudge),
    );
  }
  return accepted;
}
