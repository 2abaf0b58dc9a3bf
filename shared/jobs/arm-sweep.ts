import type { Clock } from '../core/clock.ts';
import { DbragError } from '../core/errors.ts';
import type { WorkQueue } from '../core/work-queue.ts';
import { sendSweep } from './sweep-state.ts';

/** A nudge that got lost is made good after this long. */
export const sweepDelaySeconds = 300;
const atMostEveryMilliseconds = 60_000;

/**
 * Sees to it that a sweep comes after accepted work. It is called before the transaction that accepts begins, so that a process
 * that dies right after its COMMIT has armed one; and at most once a minute, so that a bulk load costs no message a document.
 */
export interface SweepArm {
  /** @throws overloaded when no sweep is on its way and none can be sent: what is accepted now might be forgotten until the night */
  arm(): Promise<void>;
}

export function createSweepArm(queue: WorkQueue, clock: Clock): SweepArm {
  let armedAt = Number.NEGATIVE_INFINITY;
  return {
    async arm() {
      const now = clock.now().getTime();
      if (now - armedAt < atMostEveryMilliseconds) return;
      if (await sendSweep(queue, sweepDelaySeconds)) armedAt = now;
      else if (now - armedAt >= sweepDelaySeconds * 1_000 - atMostEveryMilliseconds)
        throw new DbragError('overloaded', 'The work queues do not answer; nothing was accepted.', {
          retryable: true,
          retryAfterSeconds: 5,
        });
    },
  };
}
