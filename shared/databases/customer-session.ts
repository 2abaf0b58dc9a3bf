import type { Target } from './query-database.message.ts';
import type { StatementConnection } from './statement-connection.ts';

/** A session on a customer's database, for one request. */
export interface CustomerSession {
  /**
   * One statement by the extended protocol, for statements of ours: they read the catalogs. It ends at the caller's deadline.
   * @throws DbragError with the code of what is wrong with the database, or the server's own error for a fault of the statement
   */
  query<Row>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /**
   * Work that may fail or take too long without harm: whatever it threw, the session continues as before.
   * @param milliseconds that each of its statements may take at most
   * @throws what the work throws
   */
  attempt<T>(milliseconds: number, work: () => Promise<T>): Promise<T>;
  /** Whole milliseconds that are left for statements; 0 or less when there is no time for another. */
  left(): number;
}

/** Opens sessions. Every opening resolves the host and checks its addresses. */
export interface CustomerDatabases {
  /**
   * Runs work in a session, which is left clean or closed afterwards.
   * @param deadline milliseconds since 1970
   * @throws DbragError: host_not_allowed, connection_refused, auth_failed, tls_failed, timeout, database_missing, too_many_connections
   */
  inSession<T>(target: Target, deadline: number, work: (session: CustomerSession) => Promise<T>): Promise<T>;
  /**
   * Runs work over the bare connection, outside of any transaction: for one statement of a caller's. It is closed when the work fails.
   * @throws as `inSession`
   */
  withStatement<T>(target: Target, deadline: number, work: (connection: StatementConnection) => Promise<T>): Promise<T>;
}
