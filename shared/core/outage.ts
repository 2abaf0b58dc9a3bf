import { DbragError } from './errors.ts';

/** Something that this service stands on does not answer. */
export class Outage extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Outage';
  }
}

/**
 * Whether work failed because what it stands on is away: nobody's fault, and no attempt at the work. A statement that ran into its
 * time limit is none: the same one may be too slow every time.
 */
export function isOutage(error: unknown): boolean {
  return error instanceof Outage || (error instanceof DbragError && error.retryable && error.code !== 'timeout');
}
