import type { ClientBase, QueryResult as PgResult, QueryConfig } from 'pg';
import { Halfvec, HalfvecArray } from '../../core/database.ts';
import { encodeHalfvec, encodeHalfvecArray } from './binary-vectors.ts';

// Statements that differ by more than their parameters must not fill the server's memory with plans.
const mostNames = 200;

/** Names for statements that are sent again and again, so that the server parses and plans them once a connection. */
export class StatementNames {
  readonly #names = new Map<string, string>();
  readonly #prefix: string;

  constructor(prefix = 'dbrag') {
    this.#prefix = prefix;
  }

  of(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= mostNames) return known;
    const name = `${this.#prefix}_${this.#names.size + 1}`;
    this.#names.set(text, name);
    return name;
  }
}

const halfvecOids = new WeakMap<ClientBase, Promise<number>>();

/** Looked up once a connection: extensions' types have no fixed number, and the header of a binary array names its type. */
function halfvecOid(client: ClientBase, timeoutMillis: number): Promise<number> {
  let oid = halfvecOids.get(client);
  if (oid === undefined) {
    const query = { text: "SELECT 'public.halfvec'::regtype::oid::integer AS oid", query_timeout: timeoutMillis };
    oid = client.query<{ oid: number }>(query).then((result) => (result.rows[0] as { oid: number }).oid);
    halfvecOids.set(client, oid);
    oid.catch(() => halfvecOids.delete(client));
  }
  return oid;
}

export interface StatementOptions {
  readonly timeoutMillis: number;
  readonly name: string | undefined;
}

/** Always by the extended protocol: without values `pg` would use the simple one, which runs several statements at once. */
export async function statementConfig(
  client: ClientBase,
  text: string,
  values: readonly unknown[],
  { timeoutMillis, name }: StatementOptions,
): Promise<QueryConfig & { queryMode: 'extended'; query_timeout: number }> {
  const needsOid = values.some((value) => value instanceof HalfvecArray);
  const oid = needsOid ? await halfvecOid(client, timeoutMillis) : 0;
  return {
    text,
    values: values.map((value) => encode(value, oid)),
    queryMode: 'extended',
    query_timeout: timeoutMillis,
    ...(name === undefined ? {} : { name }),
  };
}

export async function runStatement<Row extends object>(
  client: ClientBase,
  text: string,
  values: readonly unknown[],
  options: StatementOptions,
): Promise<PgResult<Row>> {
  return client.query<Row>(await statementConfig(client, text, values, options));
}

function encode(value: unknown, oid: number): unknown {
  if (value instanceof HalfvecArray) return encodeHalfvecArray(value.vectors, oid);
  if (value instanceof Halfvec) return encodeHalfvec(value.vector);
  // `pg` would send its raw memory.
  if (value instanceof Float32Array) throw new TypeError('wrap a vector in Halfvec');
  return value;
}
