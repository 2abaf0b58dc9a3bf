import type { EventSinks } from './event-sinks.ts';
import { loggableError } from './loggable-error.ts';

/** Failures of a dependency that the service survives. */
export interface OutageEvents {
  /** A call failed, and the model is not called for a while: `account` needs an operator. */
  modelLeftAlone(event: { model: string; fault: 'account' | 'outage' | 'rate'; reason: string }): void;
  cacheFailed(error: unknown): void;
  /** The one signed request for a secret failed; the SDK's client is loaded for it. */
  secretFellBack(error: unknown): void;
  nudgeFailed(event: { queue: string; count: number; error: unknown }): void;
  /** Messages that are repeated later because a dependency was down, not because of themselves. */
  outlasted(event: { queue: string; messages: number; reason: string }): void;
}

const metricOfFault = { account: 'ModelRefused', outage: 'ModelOutage', rate: 'ModelRateLimited' } as const;

export function createOutageEvents({ count, logger }: EventSinks): OutageEvents {
  return {
    modelLeftAlone(event) {
      count(metricOfFault[event.fault]);
      logger().warn('model left alone', { model: event });
    },
    cacheFailed(error) {
      count('CacheFailure');
      logger().warn('cache failed; going on without', loggableError(error));
    },
    secretFellBack(error) {
      count('SecretFallback');
      logger().warn('secret not read by one request; going on with the client', loggableError(error));
    },
    nudgeFailed({ queue, count: messages, error }) {
      count('NudgeFailed', messages);
      logger().warn('nudge not sent; the sweeper will', { error: loggableError(error), queue, messages });
    },
    outlasted(event) {
      count('OutageOutlasted', event.messages);
      logger().warn('messages come again after an outage', { outage: event });
    },
  };
}
