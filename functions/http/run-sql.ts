import type { Caller } from '../../shared/core/caller.ts';
import { DbragError } from '../../shared/core/errors.ts';
import { parsePublicId } from '../../shared/core/ids.ts';
import { toCsv } from '../../shared/databases/csv.ts';
import type { AcceptedStatement } from '../../shared/databases/firewall/check-statement.ts';
import { warmUpFirewall } from '../../shared/databases/firewall/warm-up.ts';
import type { ReadableConnection } from '../../shared/databases/readable-connection.ts';
import { acceptStatement, runAccepted } from '../../shared/databases/run-sql.ts';
import type { StatementResult } from '../../shared/databases/run-statement.ts';
import type { RunSql } from './contract/sql.ts';
import { recordStatement } from './record-statement.ts';
import { ok, type Reply, type RouteContext } from './route.ts';

type Context = RouteContext<unknown, RunSql, Caller>;

/** Reserved for the answer and its entry in the audit trail. */
const reserveMilliseconds = 2_000;

/**
 * Runs a caller's statement. The audit trail records it before it runs and its outcome after, so a statement without an entry did not
 * run. It is cancelled when its caller disconnects.
 */
export async function runSql(context: Context): Promise<Reply | Response> {
  const { caller, body, services, left } = context;
  const began = performance.now();
  const connectionId = parsePublicId('connection', body.connection_id);
  // Loads the parser while our own database answers.
  void warmUpFirewall();
  const readable = await services.catalog.readable(services.database, caller, connectionId);
  const accepted = await checked(context, connectionId, readable);
  const check = performance.now() - began;
  const about = { connectionId, statement: accepted.statement, tables: accepted.tables.map(nameOf) };
  await recordStatement(context, { action: 'sql.run', outcome: 'success', ...about });
  const { mostCost, runSeconds } = services.config.connections.statements;
  const limits = { rows: body.limit, cost: mostCost, milliseconds: runSeconds * 1_000 };
  const deadline = Math.min(
    Date.now() + limits.milliseconds + reserveMilliseconds,
    context.deadline - reserveMilliseconds,
  );
  try {
    const result = await runAccepted(services.databases, caller.workspaceId, readable, accepted, {
      limits,
      deadline,
      signal: left,
    });
    await recordStatement(context, { action: 'sql.finish', outcome: 'success', ...about, rows: result.rows.length });
    return replyOf(context, accepted, result, { check, began });
  } catch (error) {
    const code = error instanceof DbragError ? error.code : 'internal';
    await recordStatement(context, { action: 'sql.finish', outcome: 'failure', ...about, error: code });
    throw error;
  }
}

async function checked(
  context: Context,
  connectionId: string,
  { allowed }: ReadableConnection,
): Promise<AcceptedStatement> {
  const { sql: statement } = context.body;
  try {
    return await acceptStatement(statement, allowed);
  } catch (error) {
    if (error instanceof DbragError)
      await recordStatement(context, {
        action: 'sql.run',
        outcome: 'denied',
        connectionId,
        statement,
        error: error.message,
      });
    throw error;
  }
}

const nameOf = ({ schema, name }: { readonly schema: string; readonly name: string }) => `${schema}.${name}`;

function replyOf(
  { request, body }: Context,
  { statement, tables }: AcceptedStatement,
  { columns, rows, truncated, timing }: StatementResult,
  { check, began }: { readonly check: number; readonly began: number },
): Reply | Response {
  if (/\btext\/csv\b/.test(request.headers.get('accept') ?? '')) {
    const headers = {
      'content-type': 'text/csv; charset=utf-8; header=present',
      'x-dbrag-truncated': String(truncated),
    };
    return new Response(toCsv(columns, rows), { headers });
  }
  return ok({
    object: 'sql_result',
    connection_id: body.connection_id,
    statement,
    tables: tables.map(nameOf),
    columns,
    rows,
    row_count: rows.length,
    truncated,
    timing_ms: { check, ...timing, total: performance.now() - began },
  });
}
