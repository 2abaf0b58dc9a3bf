import type { EventSinks } from './event-sinks.ts';
import { loggableError } from './loggable-error.ts';

/** The audit trail. */
export interface TrailEvents {
  /** Reads that the audit trail will not contain. */
  auditEventsLost(events: number): void;
  /** An audit event was written without its origin. */
  originUnsealed(error: unknown): void;
  trailSealed(event: { seals: number }): void;
  /** The trail was walked, and something in it does not agree. */
  trailBroken(event: { faults: readonly object[] }): void;
  /** A night has verified what it had time for. `days`: since the last whole round of this walk began. */
  trailVerified(event: { walk: string; rounds: number; days: number }): void;
}

export function createTrailEvents({ count, logger }: EventSinks): TrailEvents {
  return {
    auditEventsLost(events) {
      count('AuditEventLost', events);
      logger().error('events of the audit trail lost', { events });
    },
    originUnsealed(error) {
      count('OriginUnsealed');
      logger().error('origin not sealed', { error: loggableError(error) });
    },
    trailSealed(event) {
      logger().info('trail sealed', { trail: event });
    },
    trailBroken({ faults }) {
      count('TrailBroken', faults.length);
      logger().error('the audit trail does not agree', { faults: faults.slice(0, 20) });
    },
    trailVerified(event) {
      count('TrailUnverifiedDays', event.days);
      logger().info(event.rounds > 0 ? 'trail verified to its end' : 'trail verified in part', { trail: event });
    },
  };
}
