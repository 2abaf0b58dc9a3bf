import { DbragError } from './errors.ts';

/** A dependency of this service does not answer. */
export class Outage extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Outage';
  }
}

/**
 * Whether work failed because a dependency is unavailable, which does not count as an attempt. A statement that ran into its time limit is
 * no outage: it may be too slow every time.
 */
export function isOutage(error: unknown): boolean {
  return error instanceof Outage || (error instanceof DbragError && error.retryable && error.code !== 'timeout');
}
