import type { Clock } from '../core/clock.ts';
import type { WorkQueue } from '../core/work-queue.ts';
import type { AuditEvent } from './audit.ts';

/** An event on its way to the trail: ids and words of ours, and no text of anybody. */
export interface RecordedAccess extends AuditEvent {
  readonly workspace_id: string;
}

/**
 * Records what was read, and who was refused, by way of the queue: a read writes nothing to the database.
 *
 * What is promised: an event that says so, and the first one after a second of quiet, is on the queue before its answer is out. Events
 * that follow within the second go together at its end, or once there are 50 of them; those that a process still holds when it is ended
 * (or put to sleep and never woken) are lost.
 * A message that cannot be sent is kept and sent with the next, up to 1,000 events; older ones then are lost, and counted.
 */
export interface ReadTrail {
  /** @returns the sending, when this event makes one due: the answer waits for it */
  record(access: RecordedAccess, options?: { readonly atOnce?: boolean }): Promise<void> | undefined;
  /** Sends what is gathered. */
  flush(): Promise<void>;
}

const atMostEveryMilliseconds = 1_000;
const eventsAtOnce = 50;
/** Under the 256 KiB that any queue takes. */
const bytesAtOnce = 200_000;
const mostKept = 1_000;

export function createReadTrail(queue: WorkQueue, clock: Clock, onLost: (events: number) => void): ReadTrail {
  let waiting: RecordedAccess[] = [];
  let sentAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    sentAt = clock.now().getTime();
    const taken = waiting;
    waiting = [];
    const left: RecordedAccess[] = [];
    for (const records of messagesOf(taken)) {
      if (!(await queue.send('maintenance', [{ body: { v: 1, kind: 'audit', records } }]))) left.push(...records);
    }
    waiting = [...left, ...waiting];
    if (waiting.length > mostKept) onLost(waiting.splice(0, waiting.length - mostKept).length);
  }

  return {
    flush,
    record(access, { atOnce = false } = {}) {
      waiting.push(access);
      const isDue = clock.now().getTime() - sentAt >= atMostEveryMilliseconds;
      if (atOnce || isDue || waiting.length >= eventsAtOnce) return flush();
      timer ??= setTimeout(() => void flush().catch(() => {}), atMostEveryMilliseconds).unref();
      return undefined;
    },
  };
}

function messagesOf(events: readonly RecordedAccess[]): RecordedAccess[][] {
  const messages: RecordedAccess[][] = [];
  let bytes = 0;
  for (const event of events) {
    const size = Buffer.byteLength(JSON.stringify(event));
    const last = messages.at(-1);
    if (last && last.length < eventsAtOnce && bytes + size <= bytesAtOnce) {
      last.push(event);
      bytes += size;
    } else {
      messages.push([event]);
      bytes = size;
    }
  }
  return messages;
}
