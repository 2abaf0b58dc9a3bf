import type { Clock } from '../core/clock.ts';
import type { WorkQueue } from '../core/work-queue.ts';

/** A nudge that got lost is made good after this long. */
export const sweepDelaySeconds = 300;
const atMostEveryMilliseconds = 60_000;

/**
 * Sees to it that a sweep comes after accepted work. It is called before the transaction that accepts begins, so that a process
 * that dies right after its COMMIT has armed one; and at most once a minute, so that a bulk load costs no message a document.
 */
export interface SweepArm {
  arm(): Promise<void>;
}

export function createSweepArm(queue: WorkQueue, clock: Clock): SweepArm {
  let armedAt = Number.NEGATIVE_INFINITY;
  return {
    async arm() {
      const now = clock.now().getTime();
      if (now - armedAt < atMostEveryMilliseconds) return;
      const sent = await queue.send('maintenance', [
        { body: { v: 1, kind: 'sweep' }, delaySeconds: sweepDelaySeconds },
      ]);
      if (sent > 0) armedAt = now;
    },
  };
}
