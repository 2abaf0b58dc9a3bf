import type { Clock } from '../core/clock.ts';
import { longestDelaySeconds, type Nudge, type WorkQueue } from '../core/work-queue.ts';

/** One message covers everything retired within this many seconds, so a bulk load does not cost a message per document. */
const coveredSeconds = 60;
const workspacesRemembered = 1_000;

/**
 * Makes sure that versions which were just retired are removed after their grace period. A process sends at most one message a minute
 * for each workspace, due when the last version that it covers is due. So the removal itself needs to arm nothing, and nothing is sent
 * while nothing is retired.
 */
export interface RemovalArm {
  arm(workspaceId: string): Promise<void>;
}

export function createRemovalArm(queue: WorkQueue, clock: Clock, graceSeconds: number): RemovalArm {
  const armedUntil = new Map<string, number>();
  return {
    async arm(workspaceId) {
      const now = clock.now().getTime() / 1_000;
      if ((armedUntil.get(workspaceId) ?? 0) > now) return;
      const sent = await nudgeRemoval(queue, workspaceId, Math.ceil(now + graceSeconds + coveredSeconds), now);
      if (sent === 0) return;
      if (armedUntil.size >= workspacesRemembered) armedUntil.clear();
      armedUntil.set(workspaceId, now + coveredSeconds);
    },
  };
}

/**
 * @param notBefore seconds since 1970
 * @returns how many messages were accepted
 */
export function nudgeRemoval(queue: WorkQueue, workspaceId: string, notBefore: number, now: number): Promise<number> {
  const delaySeconds = Math.min(longestDelaySeconds, Math.max(0, Math.ceil(notBefore - now)));
  const nudge: Nudge = {
    body: { v: 1, kind: 'remove_version', workspace_id: workspaceId, not_before: notBefore },
    groupId: workspaceId,
    ...(delaySeconds > 0 ? { delaySeconds } : {}),
  };
  return queue.send('maintenance', [nudge]);
}
