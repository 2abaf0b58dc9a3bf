import { DbragError } from './errors.ts';

/** Something that this service depends on does not answer. */
export class Outage extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Outage';
  }
}

/**
 * Whether work failed because something it depends on is unavailable: not an attempt at the work. A statement that ran into its
 * time limit is not an outage: the same one may be too slow every time.
 */
export function isOutage(error: unknown): boolean {
  return error instanceof Outage || (error instanceof DbragError && error.retryable && error.code !== 'timeout');
}
