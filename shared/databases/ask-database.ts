import { DbragError, type ErrorCode, statusOfCode } from '../core/errors.ts';
import { ConnectionBreaker } from './connection-breaker.ts';
import { type Connection, targetOf } from './connections.ts';
import type { TableDescription } from './describe-tables.ts';
import type { Examination } from './examine-role.ts';
import type { ListedTable, TableScope } from './list-tables.ts';
import type { QueryDatabaseReply, QueryDatabaseRequest } from './query-database.message.ts';
import type { StatementResult } from './run-statement.ts';

/** The way to the function that reaches customers' databases. */
export interface QueryDatabase {
  /** @throws DbragError when the function could not be asked: timeout, overloaded, payload_too_large */
  ask(request: QueryDatabaseRequest): Promise<QueryDatabaseReply>;
}

type Place = Pick<
  Connection,
  'id' | 'host' | 'port' | 'database_name' | 'user_name' | 'authentication' | 'ssl' | 'ca_certificate' | 'secret_name'
> &
  Parameters<typeof targetOf>[1];

type RunStatementRequest = Extract<QueryDatabaseRequest, { kind: 'run_statement' }>;

/** For connecting once more, and looking for the statement. */
const cancelMilliseconds = 8_000;

/** Codes after which the same call may succeed later. */
const passing: ReadonlySet<string> = new Set(['connection_refused', 'timeout', 'too_many_connections', 'overloaded']);

/** Requests to a customer's database. Each call invokes the one function that may connect, with a deadline (ms since 1970). */
export class DatabaseClient {
  readonly breaker: ConnectionBreaker;
  private readonly queryDatabase: QueryDatabase;

  constructor(queryDatabase: QueryDatabase, breaker = new ConnectionBreaker()) {
    this.queryDatabase = queryDatabase;
    this.breaker = breaker;
  }

  /** @throws role_too_powerful and whatever is wrong with the connection */
  examine(workspaceId: string, connection: Place, deadline: number): Promise<Examination> {
    const { schemas } = connection;
    return this.ask({
      v: 1,
      kind: 'examine',
      target: targetOf(workspaceId, connection),
      deadline,
      schemas: schemas && [...schemas],
    });
  }

  listTables(workspaceId: string, connection: Connection, deadline: number): Promise<readonly ListedTable[]> {
    const target = targetOf(workspaceId, connection);
    return this.ask({ v: 1, kind: 'list_tables', target, deadline, ...scopeOf(connection) });
  }

  /** A table that is missing from the answer no longer exists. */
  describeTables(
    workspaceId: string,
    connection: Connection,
    tables: readonly { readonly schema: string; readonly table: string }[],
    deadline: number,
  ): Promise<readonly TableDescription[]> {
    return this.ask({
      v: 1,
      kind: 'describe_table',
      target: targetOf(workspaceId, connection),
      deadline,
      tables: [...tables],
      with_rows: connection.send_rows_to_model,
    });
  }

  /**
   * Runs a statement. When the caller leaves, it is cancelled in the database, and ends there as it would at its time limit.
   * @throws sql_rejected, sql_timeout, and whatever is wrong with the connection
   */
  async runStatement(request: RunStatementRequest, signal?: AbortSignal): Promise<StatementResult> {
    if (signal?.aborted) throw new DbragError('sql_timeout', 'The caller left before the statement was run.');
    const running = this.ask<StatementResult>(request);
    let cancelling: Promise<unknown> = Promise.resolve();
    const cancel = () => {
      const { target, statement_id: id } = request;
      const deadline = Math.min(request.deadline, Date.now() + cancelMilliseconds);
      // A statement that cannot be cancelled ends at its own time limit.
      if (id)
        cancelling = this.ask({ v: 1, kind: 'cancel_statement', target, deadline, statement_id: id }).catch(() => {});
    };
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return await running;
    } finally {
      signal?.removeEventListener('abort', cancel);
      await cancelling;
    }
  }

  /** One request, guarded only by the breaker; for kinds whose result type the caller knows. */
  ask<Result>(request: QueryDatabaseRequest): Promise<Result> {
    return this.breaker.guard(request.target.connection_id, async () => {
      const reply = await this.queryDatabase.ask(request);
      if (reply.ok) return reply.result as Result;
      const { code, message, without_rows: withoutRows, errors = [] } = reply.error;
      const known = (Object.hasOwn(statusOfCode, code) ? code : 'internal') as ErrorCode;
      throw new DbragError(known, message, { errors, withoutRows, retryable: passing.has(code) });
    });
  }
}

function scopeOf(connection: Connection): TableScope {
  const { schemas, tables_include: include, tables_exclude: exclude } = connection;
  return { schemas: schemas && [...schemas], include: [...include], exclude: [...exclude] };
}
