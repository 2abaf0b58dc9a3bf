import { DbragError } from '../core/errors.ts';
import { sessionNameOf } from './cancel-statement.ts';
import type { AllowedRelations } from './firewall/catalogued-tables.ts';
import { type AcceptedStatement, checkStatement, wrapStatement } from './firewall/check-statement.ts';
import { quoteIdentifier } from './firewall/names.ts';
import { type StatementConnection, StatementFault } from './statement-connection.ts';
import { type JsonValue, toJsonValue } from './statement-values.ts';
import { tellFault } from './tell-fault.ts';

export interface StatementLimits {
  readonly rows: number;
  /** Of the response; at most 4 MB, which an invocation can carry. */
  readonly bytes: number;
  /** Highest permitted cost by EXPLAIN, in the planner's units. */
  readonly cost: number;
  /** For the statement alone; the deadline may end it earlier. */
  readonly milliseconds: number;
}

export interface StatementRequest {
  /** UUID by which another session may cancel it; undefined: not cancellable. */
  readonly id?: string | undefined;
  readonly statement: string;
  readonly allowed: AllowedRelations;
  readonly limits: StatementLimits;
  /** Milliseconds since 1970: the caller waits no longer. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
  /** The database plans it and says what is wrong with it; nothing is run, and there are no rows. */
  readonly onlyPlan?: boolean | undefined;
}

export interface StatementResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly JsonValue[])[];
  /** There are more rows than were given. */
  readonly truncated: boolean;
  /** Milliseconds. */
  readonly timing: { readonly explain: number; readonly execute: number };
}

export const mostResultBytes = 4 * 1024 * 1024;
/** For the way back, and for the server to notice its own limit before we close the connection. */
const reserveMilliseconds = 500;
const lockMilliseconds = 2_000;

/**
 * Runs one statement of a caller against a customer's database, after another check by the firewall: callers of this function cannot skip
 * it. The connection must be closed when this throws.
 *
 * @throws DbragError: sql_rejected for what the firewall or the database has against the statement, sql_timeout
 */
export async function runStatement(
  connection: StatementConnection,
  request: StatementRequest,
): Promise<StatementResult> {
  const accepted = await checkStatement(request.statement, request.allowed);
  if (!accepted.accepted) throw rejected(accepted.rule, accepted.detail);
  const run = new StatementRun(connection, request, accepted);
  try {
    return await run.result();
  } catch (error) {
    throw error instanceof StatementFault ? tellFault(error, run.mayHaveRead) : error;
  }
}

class StatementRun {
  /** From when on what the server says may quote rows: before, it has only planned. */
  mayHaveRead = false;
  private readonly connection: StatementConnection;
  private readonly request: StatementRequest;
  private readonly accepted: AcceptedStatement;
  private readonly text: string;

  constructor(connection: StatementConnection, request: StatementRequest, accepted: AcceptedStatement) {
    this.connection = connection;
    this.request = request;
    this.accepted = accepted;
    // One extra row shows whether there are more.
    this.text = `${wrapStatement(accepted.statement)} LIMIT ${request.limits.rows + 1}`;
  }

  async result(): Promise<StatementResult> {
    await this.noticeLeaving();
    await this.send('BEGIN READ ONLY');
    // The first query of the transaction: from now on it cannot be made one that writes.
    await this.send(settings, this.settingValues());
    await this.refuseShadowed();
    const began = performance.now();
    await this.refuseCostly();
    const explained = performance.now();
    if (this.request.onlyPlan) return this.planned(explained - began);
    const { rows: most, bytes } = this.request.limits;
    this.mayHaveRead = true;
    const { columns, rows, cut } = await this.connection.stream(this.text, {
      mostBytes: Math.min(bytes, mostResultBytes),
      milliseconds: this.left(),
      signal: this.request.signal,
    });
    const timing = { explain: explained - began, execute: performance.now() - explained };
    if (cut && rows.length === 0) {
      throw rejected('size', 'Its first row is larger than an answer may be; select fewer columns, or parts of them.');
    }
    if (!cut) await this.send('ROLLBACK');
    return {
      columns: columns.map(({ name }) => name),
      rows: rows.slice(0, most).map((row) => row.map((cell, at) => toJsonValue(cell, columns[at]?.type ?? 0))),
      truncated: cut || rows.length > most,
      timing,
    };
  }

  private async planned(explain: number): Promise<StatementResult> {
    await this.send('ROLLBACK');
    return { columns: [], rows: [], truncated: false, timing: { explain, execute: 0 } };
  }

  /** Lets the server stop when we disconnect; before Postgres 14, and on some systems, it cannot, and continues to its time limit. */
  private async noticeLeaving(): Promise<void> {
    const setting = "SELECT set_config('client_connection_check_interval', '1000', false)";
    await this.send(setting).catch((error) => {
      if (!(error instanceof StatementFault)) throw error;
    });
  }

  private async send<Row>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return this.connection.query<Row>(text, values, this.left());
  }

  private left(): number {
    const left = Math.floor(this.request.deadline - Date.now());
    if (left > 0 && !this.request.signal?.aborted) return left;
    throw new DbragError('sql_timeout', 'There was no time left to run the statement.', { retryable: true });
  }

  private settingValues(): unknown[] {
    const { limits, allowed } = this.request;
    const milliseconds = Math.max(1, Math.min(limits.milliseconds, this.left() - reserveMilliseconds));
    // Temporary tables come last: none may shadow a table or a type.
    const path = [...allowed.schemas.map(quoteIdentifier), 'pg_temp'].join(', ');
    const name = this.request.id === undefined ? 'dbrag' : sessionNameOf(this.request.id);
    return [String(milliseconds), String(Math.min(lockMilliseconds, milliseconds)), path, name];
  }

  /** A function or operator of the connection's schemas with a built-in name might be called in place of the built-in one. */
  private async refuseShadowed(): Promise<void> {
    const { functions, operators, types } = this.accepted;
    if (types.length > 0) await this.refuseOtherThanEnums();
    const [shadow] = await this.send<{ name: string }>(shadows, [this.request.allowed.schemas, functions, operators]);
    if (!shadow) return;
    throw rejected(
      'function',
      `The database has a "${shadow.name}" of its own, which cannot be told from the built-in one.`,
    );
  }

  /** The input of an enum does nothing; that of a domain may call functions. */
  private async refuseOtherThanEnums(): Promise<void> {
    const { types } = this.accepted;
    const values = [types.map(({ schema }) => schema), types.map(({ name }) => name)];
    const [other] = await this.send<{ name: string }>(otherThanEnums, values);
    if (other) throw rejected('type', `The type "${other.name}" is no enum, so nothing can be cast to it.`);
  }

  private async refuseCostly(): Promise<void> {
    const [row] = await this.send<{ 'QUERY PLAN': unknown }>(`EXPLAIN (FORMAT JSON) ${this.text}`);
    const cost = costOf(row?.['QUERY PLAN']);
    if (cost === undefined)
      throw new DbragError('connection_refused', 'The database does not plan statements as PostgreSQL does.');
    if (cost <= this.request.limits.cost) return;
    throw rejected(
      'cost',
      `The database expects it to cost ${Math.round(cost)}, and ${this.request.limits.cost} is the most here; narrow it down.`,
    );
  }
}

/** One statement, so that it is one way; all of it ends with the transaction. */
const settings = `
SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),
  set_config('idle_in_transaction_session_timeout', $1, true), set_config('search_path', $3, true),
  set_config('standard_conforming_strings', 'on', true), set_config('TimeZone', 'UTC', true),
  set_config('DateStyle', 'ISO, YMD', true), set_config('IntervalStyle', 'postgres', true),
  set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true),
  set_config('application_name', $4, true), set_config('max_parallel_workers_per_gather', '0', true), set_config('jit', 'off', true)`;

/** Members of an extension were installed by a privileged user. */
const shadows = `
SELECT proname::text AS name FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY ($1::text[]) AND n.nspname <> 'pg_catalog' AND p.proname = ANY ($2::text[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT oprname::text FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
WHERE n.nspname = ANY ($1::text[]) AND n.nspname <> 'pg_catalog' AND o.oprname = ANY ($3::text[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND d.objid = o.oid AND d.deptype = 'e')
LIMIT 1`;

const otherThanEnums = `
SELECT w.name FROM unnest($1::text[], $2::text[]) AS w (schema, name)
WHERE NOT EXISTS (
  SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE n.nspname = w.schema AND t.typname = w.name AND t.typtype = 'e')
LIMIT 1`;

/** Undefined for what is no plan: the server may be anything that speaks the protocol. */
function costOf(plan: unknown): number | undefined {
  try {
    const [first] = (typeof plan === 'string' ? JSON.parse(plan) : plan) as { Plan: { 'Total Cost': unknown } }[];
    const cost = first?.Plan['Total Cost'];
    return typeof cost === 'number' && Number.isFinite(cost) ? cost : undefined;
  } catch {
    return undefined;
  }
}

function rejected(rule: string, detail: string): DbragError {
  return new DbragError('sql_rejected', `Rule "${rule}": ${detail}`);
}
