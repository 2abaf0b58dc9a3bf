import type { Clock } from '../core/clock.ts';
import { DbragError } from '../core/errors.ts';
import type { WorkQueue } from '../core/work-queue.ts';
import { sendSweep } from './sweep-state.ts';

/** A lost nudge is sent again after this long. */
export const sweepDelaySeconds = 300;
const atMostEveryMilliseconds = 60_000;

/**
 * Makes sure that a sweep follows accepted work. It is called before the accepting transaction begins, so that a process that dies right
 * after its COMMIT has armed a sweep. It sends a message once a minute at most, so a bulk load does not cost a message per document.
 */
export interface SweepArm {
  /** @throws overloaded when no sweep is on its way and none can be sent: work accepted now might wait until the nightly pass */
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
