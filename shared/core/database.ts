/**
 * The database as the rooms see it. SQL is in the rooms, next to the logic that needs it; connections, transactions,
 * time limits and the binary encoding of vectors are in the adapter.
 */
export interface QueryResult<Row> {
  readonly rows: readonly Row[];
  /** Rows returned or changed. */
  readonly count: number;
}

/** One open transaction. Never await anything but this inside one: a connection is held while it is open. */
export interface Db {
  /**
   * Runs one statement by the extended protocol. `values` may hold strings, numbers, booleans, Dates, Buffers, null, arrays of
   * these, plain objects (sent as JSON), and the wrappers below.
   */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<QueryResult<Row>>;
}

/** Float32 vectors sent as one binary `halfvec[]` parameter: 1/40 of the time of the text form. */
export class HalfvecArray {
  readonly vectors: readonly Float32Array[];
  constructor(vectors: readonly Float32Array[]) {
    this.vectors = vectors;
  }
}

/** One Float32 vector sent as a binary `halfvec` parameter. */
export class Halfvec {
  readonly vector: Float32Array;
  constructor(vector: Float32Array) {
    this.vector = vector;
  }
}

/** What a transaction may see: a workspace, and the caller's narrowing inside it (null: everything). */
export interface WorkspaceScope {
  /** UUID, without prefix. */
  readonly workspaceId: string;
  readonly collectionIds?: readonly string[] | null;
  readonly connectionIds?: readonly string[] | null;
}

export interface AskOptions {
  /** Plans once for all values, without sorts, and without sequential scans where an index can be used. */
  readonly byIndex?: boolean;
  /** `ef_search` of a search in a vector index; default 100. */
  readonly efSearch?: number;
}

export interface Database {
  /**
   * One transaction as the application role under one workspace: every row of another workspace is invisible. Retries the whole
   * `work` up to twice on a serialisation failure, a deadlock or a lock timeout, so `work` must do nothing but database work.
   */
  inWorkspace<T>(scope: WorkspaceScope, work: (db: Db) => Promise<T>): Promise<T>;
  /**
   * One statement that only reads, in a transaction of its own under one workspace, sent in one message: no round trips for BEGIN and
   * COMMIT. Retried like `inWorkspace`. Only for statements that are frequent enough to be prepared once per connection.
   */
  ask?<Row = Record<string, unknown>>(
    scope: WorkspaceScope,
    text: string,
    values: readonly unknown[],
    options?: AskOptions,
  ): Promise<QueryResult<Row>>;
  /** One transaction without a workspace: sees no tenant's rows; for the definer functions and the operator's own tables. */
  inSystem<T>(work: (db: Db) => Promise<T>): Promise<T>;
}

/** A database that can be read as it was at one moment. */
export interface SnapshotDatabase extends Database {
  /**
   * One transaction that sees everything as it was at its beginning, and only reads. It is never retried, since its caller passes on rows
   * while it reads them.
   */
  inSnapshot<T>(scope: WorkspaceScope, work: (db: Db) => Promise<T>): Promise<T>;
}
