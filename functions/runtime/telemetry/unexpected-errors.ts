import { type Failure, failureOf } from '../../../shared/core/error-fingerprint.ts';
import { loggableError } from './loggable-error.ts';

/** The most that are kept where nobody collects them, as in functions without a database. */
const mostFailures = 100;

/** Unexpected errors of an execution environment, kept until they are collected. */
export class UnexpectedErrors {
  readonly #failures: Failure[] = [];

  /** The loggable form of an error. An unexpected one is kept, and has a fingerprint. */
  describe(error: unknown): { error: Error; fingerprint?: string } {
    const failure = failureOf(error);
    if (failure && this.#failures.length < mostFailures) this.#failures.push(failure);
    return { error: loggableError(error), ...(failure ? { fingerprint: failure.fingerprint } : {}) };
  }

  /** Those since the last call. */
  take(): readonly Failure[] {
    return this.#failures.splice(0);
  }
}
