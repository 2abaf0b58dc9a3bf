import { setTimeout as delay } from 'node:timers/promises';
import pg, { type PoolClient } from 'pg';
import type { AskOptions, Db, QueryResult, SnapshotDatabase, WorkspaceScope } from '../../core/database.ts';
import { DbragError } from '../../core/errors.ts';
import { type ConnectionSettings, clientConfig } from './connection.ts';
import { classify, translate } from './errors.ts';
import { runReading } from './reading-query.ts';
import { runStatement, StatementNames, statementConfig } from './statements.ts';

export interface PostgresSettings extends ConnectionSettings {
  /** Connections at most. A function serves one event at a time and needs one; a second is for what runs beside it. */
  readonly max?: number;
  /** Longest time for one statement; the server is told to stop a little earlier. */
  readonly queryTimeoutMillis?: number;
  /** Time left in the invocation: no statement may outlive it. */
  readonly remainingMillis?: () => number;
  /** Named statements save planning, but a proxy pins its connection for them: only where the connection is direct. */
  readonly preparedStatements?: boolean;
}

export interface PostgresDatabase extends SnapshotDatabase {
  close(): Promise<void>;
}

const attempts = 3;
const defaultQueryTimeoutMillis = 15_000;
// Below the server's idle_session_timeout, so that a connection is closed by us and not found dead.
const idleTimeoutMillis = 30_000;
/** The server's own limit comes first: a statement that it stopped leaves a usable connection, one that we left does not. */
const serverShare = 0.95;

/** The database port on `pg`. Opens no connection until it is asked something. */
export function createPostgresDatabase(settings: PostgresSettings): PostgresDatabase {
  const credentials = refreshingPassword(settings);
  const pool = new pg.Pool({
    ...clientConfig(settings, credentials.password),
    // Statements are written without waiting for the answer to BEGIN: one round trip less for every transaction.
    pipeline: true,
    max: settings.max ?? 1,
    idleTimeoutMillis,
    allowExitOnIdle: true,
  });
  // Without listeners a broken connection ends the process: the pool's is for idle ones, the client's for those in use, whose
  // statements fail with the same error.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const names = settings.preparedStatements ? new StatementNames() : undefined;
  // Those that name a workspace are many: they must not use up the names of the others.
  const namesOfAsked = settings.preparedStatements ? new StatementNames('dbrag_asked') : undefined;

  const timeLimit = () => {
    const remaining = settings.remainingMillis?.() ?? Number.POSITIVE_INFINITY;
    if (remaining <= 0)
      throw new DbragError('timeout', 'There was no time left to ask the database.', { retryable: true });
    return Math.max(1, Math.floor(Math.min(settings.queryTimeoutMillis ?? defaultQueryTimeoutMillis, remaining)));
  };

  async function connect(): Promise<PoolClient> {
    try {
      return await pool.connect();
    } catch (error) {
      if (classify(error) !== 'credentials') throw error;
      credentials.refuse();
      return pool.connect();
    }
  }

  const transaction = <T>(begin: (statementTimeout: number) => string, work: (db: Db) => Promise<T>): Promise<T> =>
    retrying(() => tryOnce(connect, begin, work, timeLimit, names));

  async function retrying<T>(tryIt: () => Promise<Outcome<T>>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await tryIt();
      if ('result' in outcome) return outcome.result;
      if (attempt === attempts || !outcome.mayRetry) throw translate(outcome.error);
      await delay(Math.random() * 20 * attempt);
    }
  }

  function ask<Row>(scope: WorkspaceScope, text: string, values: readonly unknown[], options: AskOptions = {}) {
    return retrying<QueryResult<Row>>(() =>
      askOnce(connect, scope, { text, values, options }, timeLimit, namesOfAsked),
    );
  }

  return {
    inWorkspace: (scope, work) => transaction((limit) => `BEGIN; ${beginWorkspace(scope, limit)}`, work),
    ...(names === undefined ? {} : { ask }),
    async inSnapshot(scope, work) {
      const begin = (limit: number) =>
        `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${beginWorkspace(scope, limit)}`;
      // Cursors would be new names every time.
      const outcome = await tryOnce(connect, begin, work, timeLimit, undefined);
      if ('result' in outcome) return outcome.result;
      throw translate(outcome.error);
    },
    inSystem: (work) => transaction((limit) => `BEGIN; SELECT dbrag.begin_system(${limit})`, work),
    close: () => pool.end(),
  };
}

type Outcome<T> = { readonly result: T } | { readonly error: unknown; readonly mayRetry: boolean };

/** One attempt at one transaction. Nothing was committed when it may be retried: the connection broke before COMMIT was sent. */
async function tryOnce<T>(
  connect: () => Promise<PoolClient>,
  begin: (statementTimeout: number) => string,
  work: (db: Db) => Promise<T>,
  timeLimit: () => number,
  names: StatementNames | undefined,
): Promise<Outcome<T>> {
  let client: PoolClient | undefined;
  let begun: Promise<unknown> | undefined;
  let committing = false;
  try {
    client = await connect();
    begun = send(client, begin(Math.ceil(timeLimit() * serverShare)), timeLimit());
    // Its failure shows in the statement after it as well; it is asked for below, and is no unhandled rejection until then.
    begun.catch(() => {});
    const result = await work(openTransaction(client, timeLimit, names));
    await begun;
    committing = true;
    await commit(client, timeLimit());
    client.release();
    return { result };
  } catch (thrown) {
    const error = (await firstFailure(begun)) ?? thrown;
    const failure = classify(error);
    await giveBack(client, failure, timeLimit);
    const passing = failure === 'conflict' || (failure === 'connection_lost' && !committing);
    return { error, mayRetry: passing && client !== undefined };
  }
}

interface Asked {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly options: AskOptions;
}

/** Opening the workspace, the statement and the end of both in one go. After a failure the server has rolled back by itself. */
async function askOnce<Row>(
  connect: () => Promise<PoolClient>,
  scope: WorkspaceScope,
  { text, values, options }: Asked,
  timeLimit: () => number,
  names: StatementNames | undefined,
): Promise<Outcome<QueryResult<Row>>> {
  let client: PoolClient | undefined;
  try {
    client = await connect();
    const timeoutMillis = timeLimit();
    const config = await statementConfig(client, text, values, { timeoutMillis, name: names?.of(text) });
    const { rows, rowCount } = await runReading<Row>(client, config, {
      workspaceId: scope.workspaceId,
      collectionIds: scope.collectionIds ?? null,
      connectionIds: scope.connectionIds ?? null,
      statementTimeoutMillis: Math.ceil(timeoutMillis * serverShare),
      efSearch: options.efSearch === undefined ? null : Math.trunc(options.efSearch),
      byIndex: options.byIndex === true,
    });
    client.release();
    return { result: { rows, count: rowCount ?? 0 } };
  } catch (error) {
    const failure = classify(error);
    await giveBack(client, failure, timeLimit);
    return { error, mayRetry: (failure === 'conflict' || failure === 'connection_lost') && client !== undefined };
  }
}

function openTransaction(client: PoolClient, timeLimit: () => number, names: StatementNames | undefined): Db {
  return {
    async query<Row>(text: string, values: readonly unknown[] = []) {
      const options = { timeoutMillis: timeLimit(), name: names?.of(text) };
      const { rows, rowCount } = await runStatement<Row & object>(client, text, values, options);
      return { rows, count: rowCount ?? 0 };
    },
  };
}

function send(client: PoolClient, text: string, timeoutMillis: number): Promise<{ command?: string }> {
  return client.query({ text, query_timeout: timeoutMillis } as { text: string });
}

/** The server answers COMMIT of a broken transaction with ROLLBACK and no error. */
async function commit(client: PoolClient, timeoutMillis: number): Promise<void> {
  const { command } = await send(client, 'COMMIT', timeoutMillis);
  if (command !== 'COMMIT') throw new Error('the transaction was rolled back: a failed statement in it was ignored');
}

async function firstFailure(begun: Promise<unknown> | undefined): Promise<unknown> {
  return begun?.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Back to the pool after a ROLLBACK, or destroyed: after a timeout or a broken connection nothing on it can be trusted. */
async function giveBack(client: PoolClient | undefined, failure: string, timeLimit: () => number): Promise<void> {
  if (client === undefined) return;
  if (failure === 'connection_lost' || failure === 'timeout' || failure === 'unavailable') {
    client.release(true);
    return;
  }
  try {
    await send(client, 'ROLLBACK', Math.min(1000, timeLimit()));
    client.release();
  } catch {
    client.release(true);
  }
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Sent together with BEGIN as one simple query; these take no parameters, so only UUIDs ever get into it. */
function beginWorkspace(scope: WorkspaceScope, statementTimeout: number): string {
  const { workspaceId, collectionIds, connectionIds } = scope;
  for (const id of [workspaceId, ...(collectionIds ?? []), ...(connectionIds ?? [])])
    if (!uuid.test(id)) throw new TypeError('not a UUID');
  const narrowing = [collectionIds, connectionIds].map((ids) => (ids ? `'{${ids.join(',')}}'` : 'NULL')).join(', ');
  return `SELECT dbrag.begin_workspace('${workspaceId}', ${narrowing}, ${statementTimeout})`;
}

/** Passwords rotate: a refused one is fetched again, once. */
function refreshingPassword(settings: ConnectionSettings): { password: () => Promise<string>; refuse: () => void } {
  let refused = false;
  return {
    password: () => {
      const fresh = refused;
      refused = false;
      return settings.password({ fresh });
    },
    refuse: () => {
      refused = true;
    },
  };
}
