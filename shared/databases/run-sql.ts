import type { Database, Db, WorkspaceScope } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import type { DatabaseClient } from './ask-database.ts';
import { type Connection, getConnection, targetOf } from './connections.ts';
import type { AllowedRelations, CataloguedTable, CataloguedType } from './firewall/catalogued-tables.ts';
import { type AcceptedStatement, checkStatement } from './firewall/check-statement.ts';
import { mostResultBytes, type StatementLimits, type StatementResult } from './run-statement.ts';

/** What any statement may cost, in the planner's units: some ten million rows read, or a minute of one core. */
export const mostCost = 5_000_000;

/** A connection, and all that statements may read of it. */
export interface ReadableConnection {
  readonly connection: Connection;
  readonly allowed: AllowedRelations;
}

/** @throws not_found */
export async function readableConnection(db: Db, workspaceId: string, id: string): Promise<ReadableConnection> {
  const connection = await getConnection(db, workspaceId, id);
  const { rows } = await db.query<CataloguedTable & { readonly types: readonly string[] }>(
    `SELECT schema_name AS schema, table_name AS name,
       ARRAY(SELECT c ->> 'name' FROM jsonb_array_elements(columns) c) AS columns,
       ARRAY(SELECT DISTINCT c ->> 'type' FROM jsonb_array_elements(columns) c WHERE c ->> 'type' LIKE '%.%') AS types
     FROM dbrag.catalog_tables WHERE workspace_id = $1 AND connection_id = $2 ORDER BY name`,
    [workspaceId, id],
  );
  const found = [...new Set(rows.map(({ schema }) => schema))];
  // In the order that the connection names them; else `public` comes first, where people keep what they do not name a schema of.
  const schemas =
    connection.schemas ?? found.sort((one, other) => Number(other === 'public') - Number(one === 'public'));
  return { connection, allowed: { tables: rows, schemas, types: rows.flatMap(({ types }) => types.flatMap(typeOf)) } };
}

const namedType = /^(?:"((?:[^"]|"")+)"|([a-z_][a-z0-9_$]*))\.(?:"((?:[^"]|"")+)"|([a-z_][a-z0-9_$]*))(?:\[\])*$/;

/** `shop.order_status[]` → shop, order_status. */
function typeOf(written: string): CataloguedType[] {
  const [, quotedSchema, schema, quotedName, name] = namedType.exec(written) ?? [];
  const plain = (quoted: string | undefined, bare: string | undefined) => quoted?.replaceAll('""', '"') ?? bare ?? '';
  const type = { schema: plain(quotedSchema, schema), name: plain(quotedName, name) };
  return type.name === '' ? [] : [type];
}

/** @throws sql_rejected, naming the rule */
export async function acceptStatement(sql: string, allowed: AllowedRelations): Promise<AcceptedStatement> {
  const decision = await checkStatement(sql, allowed);
  if (decision.accepted) return decision;
  throw new DbragError('sql_rejected', `Rule "${decision.rule}": ${decision.detail}`);
}

/**
 * Has an accepted statement run by the function that reaches customers' databases, which checks it once more.
 * @param deadline milliseconds since 1970
 * @param onlyPlan the database looks at it and says what is wrong; nothing is run
 * @throws sql_rejected for what the database has against it, sql_timeout, and whatever is wrong with the connection
 */
export function runAccepted(
  databases: DatabaseClient,
  workspaceId: string,
  { connection, allowed }: ReadableConnection,
  { statement, tables, types }: AcceptedStatement,
  limits: Omit<StatementLimits, 'bytes'>,
  deadline: number,
  onlyPlan = false,
): Promise<StatementResult> {
  const read = allowed.tables.filter(({ schema, name }) =>
    tables.some((table) => table.schema === schema && table.name === name),
  );
  return databases.ask<StatementResult>({
    v: 1,
    kind: 'run_statement',
    target: targetOf(workspaceId, connection),
    deadline,
    statement,
    tables: read.map(({ schema, name, columns }) => ({ schema, name, columns: [...columns] })),
    schemas: [...allowed.schemas],
    types: types.map(({ schema, name }) => ({ schema, name })),
    limits: { ...limits, bytes: mostResultBytes },
    ...(onlyPlan ? { only_plan: true } : {}),
  });
}

/** The connection as it is in a transaction of its own: a customer's database is never waited for inside one of ours. */
export function findReadable(database: Database, scope: WorkspaceScope, id: string): Promise<ReadableConnection> {
  return database.inWorkspace(scope, (db) => readableConnection(db, scope.workspaceId, id));
}
