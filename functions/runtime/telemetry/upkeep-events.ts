import type { EventSinks } from './event-sinks.ts';
import { loggableError } from './loggable-error.ts';

/** What maintenance did, and what an operator should look at. */
export interface UpkeepEvents {
  sweepFinished(event: { nudged: number; failed: number; unfinished: number }): void;
  /** An action of the index autopilot. */
  indexTended(event: { partition: string; action: string; why: string }): void;
  /** An analysis or a vacuum of the autopilot's failed; the next night tries again. */
  upkeepFailed(error: unknown, event: { partition: string }): void;
  /** The nightly check found documents that are not what was promised, which must never happen. */
  integrityViolated(event: { workspaceId: string; violations: readonly object[] }): void;
  /** At least four fifths of a quota are used: time for an operator to talk to the tenant. */
  quotaNear(event: { workspaceId: string; resource: string; used: number; limit: number }): void;
}

export function createUpkeepEvents({ count, logger }: EventSinks): UpkeepEvents {
  return {
    sweepFinished(event) {
      count('SweepNudge', event.nudged);
      logger().info('sweep finished', { sweep: event });
    },
    indexTended(event) {
      logger().info('index tended', { index: event });
    },
    integrityViolated({ workspaceId, violations }) {
      count('IntegrityViolations', violations.length);
      logger().error('documents are not what was promised', {
        workspace_id: workspaceId,
        violations: violations.slice(0, 20),
      });
    },
    upkeepFailed(error, { partition }) {
      count('UpkeepFailed');
      logger().warn('analysis or vacuum failed; the next night tries again', {
        error: loggableError(error),
        partition,
      });
    },
    quotaNear(event) {
      count('QuotaNear');
      logger().warn('quota nearly used up', { quota: event });
    },
  };
}
