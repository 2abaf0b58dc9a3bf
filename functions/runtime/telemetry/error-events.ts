import type { Failure } from '../../../shared/core/error-fingerprint.ts';
import type { EventSinks } from './event-sinks.ts';
import { loggableError } from './loggable-error.ts';

/** Messages that fail, and errors that nobody expected. */
export interface ErrorEvents {
  recordFailed(error: unknown, event: { source: string; messageId: string }): void;
  retriesExhausted(event: { queue: string; body: string }): void;
  /** Unexpected errors since the last call. */
  takeFailures(): readonly Failure[];
  /** One that was never seen before, or not for long. */
  errorIsNew(failure: Failure): void;
  /** Errors could not be noted: whether they are new is not known. */
  notNoted(error: unknown): void;
  /** A promise was rejected that nobody awaited. */
  rejectionStrayed(error: unknown): void;
}

export function createErrorEvents({ count, dimensioned, errors, logger }: EventSinks): ErrorEvents {
  const countInDeployment = (name: string) => dimensioned.add({ name: 'scope', value: 'deployment' }, name, 'Count', 1);
  return {
    recordFailed(error, event) {
      logger().error('record failed; it comes again', { ...errors.describe(error), record: event });
    },
    retriesExhausted({ queue, body }) {
      count('RetriesExhausted');
      logger().error('message given up', { queue, body });
    },
    takeFailures: () => errors.take(),
    errorIsNew(failure) {
      countInDeployment('ErrorNew');
      logger().error('an error that was not seen before', { failure });
    },
    notNoted(error) {
      logger().warn('errors not noted', { error: loggableError(error) });
    },
    rejectionStrayed(error) {
      countInDeployment('StrayRejection');
      logger().error('something failed that nobody waited for; going on', errors.describe(error));
    },
  };
}
