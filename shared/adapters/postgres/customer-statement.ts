import pg, { type Client } from 'pg';
import { DbragError } from '../../core/errors.ts';
import {
  type StatementConnection,
  StatementFault,
  type StreamedRows,
  type StreamOptions,
} from '../../databases/statement-connection.ts';
import { customerFault, serverFault } from './customer-errors.ts';

/** The parts of `pg` that are missing from its types. */
interface Wire {
  readonly connection: {
    readonly stream: {
      destroy(): void;
      on(event: 'data', listener: (chunk: Buffer) => void): void;
      off(event: 'data', listener: (chunk: Buffer) => void): void;
    };
  };
}

/** Cells stay as Postgres writes them. */
const asText = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;

/** One statement of a caller's over a connection of `pg`, outside of any transaction when it is handed over. */
export class CustomerStatement implements StatementConnection {
  private readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  async query<Row>(text: string, values: readonly unknown[], milliseconds: number): Promise<readonly Row[]> {
    const config = { text, values: [...values], queryMode: 'extended', query_timeout: milliseconds } as pg.QueryConfig;
    try {
      return (await this.client.query(config)).rows as Row[];
    } catch (error) {
      throw asFault(error);
    }
  }

  stream(text: string, options: StreamOptions): Promise<StreamedRows> {
    const { promise, resolve, reject } = Promise.withResolvers<StreamedRows>();
    const { stream } = (this.client as unknown as Wire).connection;
    const rows: (string | null)[][] = [];
    const query = new pg.Query({
      text,
      values: [],
      queryMode: 'extended',
      rowMode: 'array',
      types: asText,
    } as pg.QueryConfig);
    let columns: StreamedRows['columns'] = [];
    let received = 0;
    let held = 0;
    const count = (chunk: Buffer) => {
      received += chunk.length;
      if (received > options.mostBytes) end(() => resolve({ columns, rows, cut: true }), true);
    };
    const leave = () =>
      end(() => reject(new DbragError('sql_timeout', 'The statement took longer than there was time.')), true);
    const timer = setTimeout(leave, options.milliseconds);
    const end = (settle: () => void, destroy: boolean) => {
      clearTimeout(timer);
      stream.off('data', count);
      options.signal?.removeEventListener('abort', leave);
      settle();
      if (destroy) this.destroy();
    };
    query.on('row', (row: unknown, result) => {
      columns = columnsOf(result);
      const cells = row as (string | null)[];
      held += cells.reduce((sum, cell) => sum + (cell === null ? 1 : Buffer.byteLength(cell)), 0);
      // Of what came in one piece, some may be past the limit.
      if (held <= options.mostBytes) rows.push(cells);
    });
    query.on('error', (error) => end(() => reject(asFault(error)), false));
    query.on('end', (result) => end(() => resolve({ columns: columnsOf(result), rows, cut: false }), false));
    stream.on('data', count);
    options.signal?.addEventListener('abort', leave, { once: true });
    if (options.signal?.aborted) leave();
    else this.client.query(query);
    return promise;
  }

  destroy(): void {
    (this.client as unknown as Wire).connection.stream.destroy();
  }
}

function columnsOf(result: { fields?: readonly pg.FieldDef[] } | undefined): StreamedRows['columns'] {
  return (result?.fields ?? []).map(({ name, dataTypeID }) => ({ name, type: dataTypeID }));
}

/** States that are about the connection or the server, and not about the statement. */
const ofTheConnection = /^(08|28|3D|53|57P|58|XX)/;

function asFault(error: unknown): unknown {
  if (error instanceof pg.DatabaseError && error.code && !ofTheConnection.test(error.code))
    return new StatementFault(error.code, error.message);
  return customerFault(error) ?? serverFault(error);
}
