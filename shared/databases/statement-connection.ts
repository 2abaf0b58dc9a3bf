/** A column of a result: its name and the number of its type. */
export interface ResultColumn {
  readonly name: string;
  readonly type: number;
}

export interface StreamOptions {
  /** Bytes from the server. Beyond this the connection is closed at once: a single value may be a gigabyte. */
  readonly mostBytes: number;
  /** Total waiting time; beyond it the connection is closed. */
  readonly milliseconds: number;
  readonly signal?: AbortSignal | undefined;
}

export interface StreamedRows {
  readonly columns: readonly ResultColumn[];
  /** Cells in the text form of Postgres. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** The server had more to send than `mostBytes`; the connection is closed. */
  readonly cut: boolean;
}

/**
 * A connection to a customer's database that holds one statement of a caller's. Everything goes by the extended protocol, which takes
 * one statement at a time.
 */
export interface StatementConnection {
  /** @throws StatementFault for what the server says about the statement; anything else is the connection's */
  query<Row>(text: string, values: readonly unknown[], milliseconds: number): Promise<readonly Row[]>;
  /** @throws as `query`, and `sql_timeout` (DbragError) when time is over or the caller has left */
  stream(text: string, options: StreamOptions): Promise<StreamedRows>;
  /** Ends it at once, whatever is under way. */
  destroy(): void;
}

/** The server's objection to a statement. */
export class StatementFault extends Error {
  /** SQLSTATE. */
  readonly state: string;

  constructor(state: string, message: string) {
    super(message);
    this.name = 'StatementFault';
    this.state = state;
  }
}
