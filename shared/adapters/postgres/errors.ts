import { DbragError } from '../../core/errors.ts';

// How long a cluster takes to resume from zero: half of that before a caller asks again.
const resumeSeconds = 15;

/** What a failed statement or connection means for the transaction, the connection, and the caller. */
export type Failure =
  /** Another transaction was in the way: the same work may succeed at once. */
  | 'conflict'
  /** The connection is gone, or unusable. */
  | 'connection_lost'
  /** Nobody answers at the address, or the server says that it is starting up. */
  | 'unavailable'
  | 'credentials'
  | 'timeout'
  /** The server stopped the statement at its limit: the connection is still good. */
  | 'stopped'
  /** Too many connections, no memory, no disk. */
  | 'exhausted'
  /** The statement's own fault. */
  | 'statement';

const failureOfState: Readonly<Record<string, Failure>> = {
  '40001': 'conflict',
  '40P01': 'conflict',
  '55P03': 'conflict',
  '57014': 'stopped',
  '57P01': 'connection_lost', // an administrator ended the backend, or the server shuts down
  '57P02': 'connection_lost',
  '57P03': 'unavailable',
  '57P05': 'connection_lost', // idle_session_timeout
  '25006': 'connection_lost', // the writer became a reader: a new connection finds the new writer
  '25P02': 'connection_lost', // the transaction is broken already and its first error was swallowed
  '25P03': 'connection_lost', // idle_in_transaction_session_timeout
  '28P01': 'credentials',
  '28000': 'credentials',
  '53300': 'exhausted',
  '53100': 'exhausted',
  '53200': 'exhausted',
};

const lostSockets = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);
const deadAddresses = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);

/** Reads SQLSTATE first, then the codes of sockets, then the words of `pg`, which gives its own errors no code. */
export function classify(error: unknown): Failure {
  if (!(error instanceof Error)) return 'statement';
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') {
    const known = failureOfState[code];
    if (known !== undefined) return known;
    if (/^08/.test(code) && code.length === 5) return 'connection_lost';
    if (lostSockets.has(code)) return 'connection_lost';
    if (deadAddresses.has(code)) return 'unavailable';
  }
  if (/^Query read timeout/.test(error.message)) return 'timeout';
  if (/^timeout expired|connection timeout$/.test(error.message)) return 'unavailable';
  if (/^timeout exceeded when trying to connect/.test(error.message)) return 'exhausted';
  if (/^Connection terminated|not queryable/.test(error.message)) return 'connection_lost';
  return 'statement';
}

/**
 * The error as the rooms and the API see it. Faults of a statement stay what they are (a room may look at their SQLSTATE); shown
 * to nobody, they are answered as `internal`.
 */
export function translate(error: unknown): unknown {
  if (error instanceof DbragError) return error;
  switch (classify(error)) {
    case 'connection_lost':
    case 'unavailable':
      return new DbragError('database_resuming', 'The database is not available at this moment; it may be resuming.', {
        retryable: true,
        retryAfterSeconds: resumeSeconds,
        cause: error,
      });
    case 'timeout':
    case 'stopped':
      return new DbragError('timeout', 'The database did not answer in time.', { retryable: true, cause: error });
    case 'conflict':
    case 'exhausted':
      return new DbragError('overloaded', 'The database is busy.', {
        retryable: true,
        retryAfterSeconds: 1,
        cause: error,
      });
    case 'credentials':
      return new DbragError('internal', 'The database refused its credentials.', { retryable: true, cause: error });
    case 'statement':
      return error;
  }
}
