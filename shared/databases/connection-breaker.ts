import { DbragError, type ErrorCode } from '../core/errors.ts';

/** Codes which say that a database is down or rejects us, so that asking again at once only costs time. */
const breaking: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'connection_refused',
  'timeout',
  'too_many_connections',
  'tls_failed',
  'auth_failed',
]);
const failuresToOpen = 3;
const openMilliseconds = 15_000;
/** Connections that one process remembers failures of. */
const mostRemembered = 1_000;

interface State {
  failures: number;
  openUntil: number;
  last: DbragError;
}

/**
 * Stops calling a database for a while after it failed three times in a row, each connection by itself: a tenant whose database hangs
 * holds no function for as long as that takes, and a wrong password locks no account. Then one call may try.
 */
export class ConnectionBreaker {
  private readonly now: () => number;
  private readonly states = new Map<string, State>();

  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  /** @throws the last failure, while the connection is paused */
  async guard<T>(connectionId: string, work: () => Promise<T>): Promise<T> {
    const state = this.states.get(connectionId);
    const left = (state?.openUntil ?? 0) - this.now();
    if (state && left > 0) throw repeated(state.last, Math.ceil(left / 1_000));
    // One caller tries; others meanwhile get the last failure.
    if (state && state.failures >= failuresToOpen) state.openUntil = this.now() + openMilliseconds;
    try {
      const result = await work();
      this.states.delete(connectionId);
      return result;
    } catch (error) {
      if (error instanceof DbragError && breaking.has(error.code)) this.failed(connectionId, error);
      else this.states.delete(connectionId);
      throw error;
    }
  }

  /** Somebody mended it, or asks us to look again. */
  reset(connectionId: string): void {
    this.states.delete(connectionId);
  }

  private failed(connectionId: string, last: DbragError): void {
    const failures = (this.states.get(connectionId)?.failures ?? 0) + 1;
    const openUntil = failures >= failuresToOpen ? this.now() + openMilliseconds : 0;
    this.states.delete(connectionId);
    this.states.set(connectionId, { failures, openUntil, last });
    const oldest = this.states.keys().next();
    if (this.states.size > mostRemembered && !oldest.done) this.states.delete(oldest.value);
  }
}

function repeated(last: DbragError, retryAfterSeconds: number): DbragError {
  const message = `${last.message} It failed several times in a row and is left alone for ${retryAfterSeconds} s.`;
  return new DbragError(last.code, message, { retryable: last.retryable, retryAfterSeconds, cause: last });
}
