import { DbragError } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import type { DatabaseClient } from './ask-database.ts';
import { targetOf } from './connections.ts';
import type { AllowedRelations } from './firewall/catalogued-tables.ts';
import { type AcceptedStatement, checkStatement } from './firewall/check-statement.ts';
import type { ReadableConnection } from './readable-connection.ts';
import { mostResultBytes, type StatementLimits, type StatementResult } from './run-statement.ts';

/** @throws sql_rejected, naming the rule */
export async function acceptStatement(sql: string, allowed: AllowedRelations): Promise<AcceptedStatement> {
  const decision = await checkStatement(sql, allowed);
  if (decision.accepted) return decision;
  throw new DbragError('sql_rejected', `Rule "${decision.rule}": ${decision.detail}`);
}

export interface RunOptions {
  readonly limits: Omit<StatementLimits, 'bytes'>;
  /** Milliseconds since 1970. */
  readonly deadline: number;
  /** The database looks at it and says what is wrong; nothing is run. */
  readonly onlyPlan?: boolean;
  /** Aborted when the caller leaves. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Has an accepted statement run by the function that reaches customers' databases, which checks it once more.
 * @throws sql_rejected for what the database has against it, sql_timeout, and whatever is wrong with the connection
 */
export function runAccepted(
  databases: DatabaseClient,
  workspaceId: string,
  { connection, allowed }: ReadableConnection,
  { statement, tables, types }: AcceptedStatement,
  { limits, deadline, onlyPlan = false, signal }: RunOptions,
): Promise<StatementResult> {
  const read = allowed.tables.filter(({ schema, name }) =>
    tables.some((table) => table.schema === schema && table.name === name),
  );
  const request = {
    v: 1 as const,
    kind: 'run_statement' as const,
    target: targetOf(workspaceId, connection),
    deadline,
    statement_id: newUuid(),
    statement,
    tables: read.map(({ schema, name, columns }) => ({ schema, name, columns: [...columns] })),
    schemas: [...allowed.schemas],
    types: types.map(({ schema, name }) => ({ schema, name })),
    limits: { ...limits, bytes: mostResultBytes },
    ...(onlyPlan ? { only_plan: true } : {}),
  };
  return databases.runStatement(request, signal);
}
