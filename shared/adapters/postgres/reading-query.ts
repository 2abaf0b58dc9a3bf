import pg, { type ClientBase, type QueryConfig } from 'pg';

/** What `dbrag.begin_reading` is given. */
export interface Reading {
  /** UUID. */
  readonly workspaceId: string;
  readonly collectionIds: readonly string[] | null;
  readonly connectionIds: readonly string[] | null;
  readonly statementTimeoutMillis: number;
  readonly efSearch: number | null;
  readonly byIndex: boolean;
}

/** The part of `pg`'s connection that is used here; its types do not have it. */
interface Connection {
  readonly parsedStatements: Readonly<Record<string, string | undefined>>;
  bind(message: { portal: string; statement: string; values: readonly unknown[] }): void;
  execute(message: { portal: string }): void;
}

/** `pg` gives its class no types for what it is asked by its own client. */
interface InnerQuery {
  prepare(connection: Connection): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: Connection): void;
}

const name = 'dbrag_begin_reading';
const text = 'SELECT dbrag.begin_reading($1, $2, $3, $4, $5, $6)';

const arrayOf = (ids: readonly string[] | null): string | null => ids && `{${ids.join(',')}}`;

const valuesOf = (reading: Reading): unknown[] => {
  const { workspaceId, collectionIds, connectionIds, statementTimeoutMillis, efSearch, byIndex } = reading;
  return [
    workspaceId,
    arrayOf(collectionIds),
    arrayOf(connectionIds),
    String(statementTimeoutMillis),
    efSearch === null ? null : String(efSearch),
    String(byIndex),
  ];
};

const Query = pg.Query as unknown as new (config: QueryConfig) => pg.Query & InnerQuery;

/**
 * One statement that opens its workspace in the same go. Until Sync, the extended protocol runs everything as one transaction
 * (PostgreSQL, 53.2.4 Pipelining), and Sync commits it: three queries (BEGIN with its settings, the statement, COMMIT) become one, and
 * none of them is parsed again.
 */
class ReadingQuery extends Query {
  readonly #reading: Reading;
  #isOpen = false;

  constructor(config: QueryConfig, reading: Reading) {
    super(config);
    this.#reading = reading;
  }

  override prepare(connection: Connection): void {
    connection.bind({ portal: '', statement: name, values: valuesOf(this.#reading) });
    connection.execute({ portal: '' });
    super.prepare(connection);
  }

  override handleDataRow(message: unknown): void {
    if (this.#isOpen) super.handleDataRow(message);
  }

  override handleCommandComplete(message: unknown, connection: Connection): void {
    if (this.#isOpen) super.handleCommandComplete(message, connection);
    this.#isOpen = true;
  }
}

/** @param config a named statement by the extended protocol, its values encoded */
export async function runReading<Row>(
  client: ClientBase,
  config: QueryConfig & { readonly query_timeout: number },
  reading: Reading,
): Promise<{ rows: Row[]; rowCount: number | null }> {
  const { connection } = client as unknown as { connection: Connection };
  // Once a connection, so that the server knows the statement by its name.
  if (connection.parsedStatements[name] === undefined)
    await client.query({ name, text, values: valuesOf(reading), query_timeout: config.query_timeout } as QueryConfig);
  return new Promise((resolve, reject) => {
    const query = new ReadingQuery(config, reading) as unknown as { callback: unknown; query_timeout: number };
    query.query_timeout = config.query_timeout;
    query.callback = (error: Error | null, result: { rows: Row[]; rowCount: number | null }) =>
      error ? reject(error) : resolve(result);
    client.query(query as unknown as pg.Query);
  });
}
