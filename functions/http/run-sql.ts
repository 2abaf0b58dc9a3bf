import { createHash } from 'node:crypto';
import { type AuditEntry, recordAudit } from '../../shared/access/audit.ts';
import type { Caller } from '../../shared/core/caller.ts';
import { DbragError } from '../../shared/core/errors.ts';
import { parsePublicId } from '../../shared/core/ids.ts';
import { toCsv } from '../../shared/databases/csv.ts';
import type { AcceptedStatement } from '../../shared/databases/firewall/check-statement.ts';
import { acceptStatement, findReadable, type ReadableConnection, runAccepted } from '../../shared/databases/run-sql.ts';
import type { StatementResult } from '../../shared/databases/run-statement.ts';
import type { RunSql } from './contract/sql.ts';
import { ok, type Reply, type RouteContext } from './route.ts';

type Context = RouteContext<unknown, RunSql, Caller>;

/** For the answer and its line of the audit trail. */
const reserveMilliseconds = 2_000;
const longestMilliseconds = 20_000;
/** In the planner's units: some ten million rows read, or a minute of one core. */
const mostCost = 5_000_000;

/**
 * Runs a statement of the caller's. It is written down before it is run, and what came of it after: a statement that nothing is known
 * of was not run.
 */
export async function runSql(context: Context): Promise<Reply | Response> {
  const { caller, body, services, deadline } = context;
  const began = performance.now();
  const readable = await findReadable(services.database, caller, parsePublicId('connection', body.connection_id));
  const accepted = await checked(context, readable);
  const check = performance.now() - began;
  await audit(context, 'sql.run', { statement: accepted.statement, tables: accepted.tables.map(nameOf) });
  const until = Math.min(Date.now() + longestMilliseconds, deadline - reserveMilliseconds);
  const limits = { rows: body.limit, cost: mostCost, milliseconds: longestMilliseconds };
  try {
    const result = await runAccepted(services.databases, caller.workspaceId, readable, accepted, limits, until);
    await audit(context, 'sql.finish', { statement: accepted.statement, rows: result.rows.length });
    return replyOf(context, accepted, result, { check, began });
  } catch (error) {
    const code = error instanceof DbragError ? error.code : 'internal';
    await audit(context, 'sql.finish', { statement: accepted.statement, error: code }, 'failure');
    throw error;
  }
}

async function checked(context: Context, { allowed }: ReadableConnection): Promise<AcceptedStatement> {
  const { sql } = context.body;
  try {
    return await acceptStatement(sql, allowed);
  } catch (error) {
    if (error instanceof DbragError)
      await audit(context, 'sql.run', { statement: sql, error: error.message }, 'denied');
    throw error;
  }
}

/** As much of a statement as the trail keeps; the hash is of all of it. */
const keptCharacters = 4_000;

async function audit(
  { caller, services, origin, body }: Context,
  action: string,
  { statement, ...detail }: { readonly statement: string; readonly [member: string]: unknown },
  outcome: AuditEntry['outcome'] = 'success',
): Promise<void> {
  const entry: AuditEntry = {
    action,
    resourceType: 'connection',
    resourceId: body.connection_id,
    accessType: 'data_access',
    outcome,
    detail: {
      sql: statement.toWellFormed().replaceAll('\0', '').slice(0, keptCharacters),
      sha256: createHash('sha256').update(statement).digest('hex'),
      ...detail,
    },
  };
  await services.database.inWorkspace(caller, (db) =>
    recordAudit(db, caller.workspaceId, caller.actor, origin, [entry]),
  );
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
