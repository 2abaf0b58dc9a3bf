import { DbragError } from '../core/errors.ts';
import { cancelStatement } from './cancel-statement.ts';
import type { CustomerDatabases } from './customer-session.ts';
import { describeTables } from './describe-tables.ts';
import { examineRole } from './examine-role.ts';
import { listTables } from './list-tables.ts';
import { type QueryDatabaseReply, type QueryDatabaseRequest, queryDatabaseRequest } from './query-database.message.ts';
import { runStatement } from './run-statement.ts';

/** Under Lambda's 6 MB, with room for the envelope. */
const largestReply = 5_500_000;

/** Answers what the function that reaches customers' databases was asked. Never throws for what is wrong with a database. */
export async function answerRequest(databases: CustomerDatabases, event: unknown): Promise<QueryDatabaseReply> {
  const request = queryDatabaseRequest.safeParse(event);
  if (!request.success) throw new Error('The request has not the form that is agreed on.');
  try {
    return fitting(await resultOf(databases, request.data));
  } catch (error) {
    if (!(error instanceof DbragError)) throw error;
    const { code, message, withoutRows, errors } = error;
    const without = withoutRows === message ? {} : { without_rows: withoutRows };
    return { ok: false, error: { code, message, ...without, ...(errors.length > 0 ? { errors } : {}) } };
  }
}

function resultOf(databases: CustomerDatabases, request: QueryDatabaseRequest): Promise<unknown> {
  const { target, deadline } = request;
  switch (request.kind) {
    case 'examine':
      return databases.inSession(target, deadline, (session) => examineRole(session, request.schemas));
    case 'list_tables':
      return databases.inSession(target, deadline, (session) => listTables(session, request));
    case 'describe_table':
      return databases.inSession(target, deadline, (session) =>
        describeTables(session, request.tables, request.with_rows),
      );
    case 'run_statement':
      return databases.withStatement(target, deadline, (connection) =>
        runStatement(connection, {
          ...request,
          allowed: request,
          onlyPlan: request.only_plan,
          id: request.statement_id,
        }),
      );
    case 'cancel_statement':
      return databases.inSession(target, deadline, (session) => cancelStatement(session, request.statement_id));
    default:
      throw new Error(`Nobody answers ${JSON.stringify(request satisfies never)}.`);
  }
}

/** An answer that Lambda would not carry is an error with a name. */
function fitting(result: unknown): QueryDatabaseReply {
  if (Buffer.byteLength(JSON.stringify(result) ?? '') > largestReply)
    return { ok: false, error: { code: 'payload_too_large', message: 'The database answered with more than fits.' } };
  return { ok: true, result };
}
