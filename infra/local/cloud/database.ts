import { createHmac } from 'node:crypto';
import pg from 'pg';
import { type RunningPostgres, startPostgres } from '../postgres/start-postgres.ts';
import { portAgain } from './listen.ts';

export interface DatabaseSettings {
  /** Admin URL of a native Postgres; the embedded one when left out. */
  readonly databaseUrl?: string | undefined;
  readonly databaseName: string;
  readonly directory: string;
  /** Of the last start: connections to databases in the embedded one name it. */
  readonly lastPort?: number | undefined;
  readonly rootKey: string;
  readonly log: (line: string) => void;
}

export interface RunningDatabase {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** As the superuser, in the database of the assembly. */
  readonly adminUrl: string;
  url(user: string, password: string): string;
  /** Of the embedded one; another after it was started again. */
  readonly processId: number | undefined;
  /** Resolves when the embedded database has ended for good; never for a native one. */
  readonly exited: Promise<number | null>;
  close(): Promise<void>;
}

/** Starts the embedded Postgres, or takes the native one at `databaseUrl`. */
export async function startDatabase(settings: DatabaseSettings): Promise<RunningDatabase> {
  const { databaseUrl, databaseName, directory, lastPort, rootKey, log } = settings;
  if (databaseUrl !== undefined) return nativeDatabase(databaseUrl, databaseName);
  const start = (port: number): Promise<RunningPostgres> =>
    startPostgres({
      dataDirectory: directory,
      superuserPassword: createHmac('sha256', rootKey).update('postgres').digest('base64url'),
      database: databaseName,
      log: (line) => log(`postgres: ${line}`),
      port,
    });
  const supervised = superviseDatabase(await start(await portAgain(lastPort)), start, log);
  const { host, port, adminUrl, url } = supervised.current();
  return {
    host,
    port,
    name: databaseName,
    adminUrl,
    url: (user, password) => url(user, password),
    get processId() {
      return supervised.current().pid;
    },
    exited: supervised.exited,
    close: supervised.close,
  };
}

/**
 * Starts a database that ended by itself again, at its port: what was committed is on disk, and its users connect anew. One that
 * cannot be started again has ended for good.
 */
function superviseDatabase(
  first: RunningPostgres,
  start: (port: number) => Promise<RunningPostgres>,
  log: (line: string) => void,
) {
  let current = first;
  let closing = false;
  const run = async (): Promise<number | null> => {
    for (;;) {
      const code = await current.exited;
      // Ctrl-C reaches every process of the terminal: one that was asked to end is not brought back.
      if (closing || code === 0) return code;
      log(`postgres: ended by itself (${code === null ? 'a signal' : `exit status ${code}`}); it is started again`);
      try {
        current = await start(first.port);
      } catch (error) {
        log(`postgres: ${(error as Error).message}`);
        return code;
      }
      if (closing) await current.close();
    }
  };
  const exited = run();
  return {
    current: () => current,
    exited,
    async close(): Promise<void> {
      closing = true;
      await current.close();
      await exited;
    },
  };
}

async function nativeDatabase(adminUrl: string, databaseName: string): Promise<RunningDatabase> {
  await createDatabase(adminUrl, databaseName);
  const address = new URL(adminUrl);
  const url = (user: string, password: string): string => {
    const own = new URL(adminUrl);
    own.username = encodeURIComponent(user);
    own.password = encodeURIComponent(password);
    own.pathname = `/${databaseName}`;
    return own.href;
  };
  return {
    host: address.hostname,
    port: Number(address.port || 5432),
    name: databaseName,
    adminUrl: url(decodeURIComponent(address.username), decodeURIComponent(address.password)),
    url,
    processId: undefined,
    exited: new Promise(() => {}),
    close: async () => {},
  };
}

async function createDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  });
}

/**
 * Makes the master user of the cluster, with the rights that RDS gives it: it creates roles and databases and owns this
 * one, and is no superuser. The extension is made here because only `rds_superuser` may there.
 */
export async function createMasterUser(
  database: RunningDatabase,
  login: { readonly username: string; readonly password: string },
): Promise<void> {
  const role = pg.escapeIdentifier(login.username);
  const password = pg.escapeLiteral(login.password);
  await withClient(database.adminUrl, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [login.username]);
    if (rowCount === 0) await client.query(`CREATE ROLE ${role}`);
    await client.query(`ALTER ROLE ${role} LOGIN CREATEROLE CREATEDB PASSWORD ${password}`);
    // The embedded database has a name of its own behind the one that it answers to.
    const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
    for (const { name } of rows) await client.query(`ALTER DATABASE ${pg.escapeIdentifier(name)} OWNER TO ${role}`);
    await client.query('CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public');
    // On a server that others used before, the roles are there already and somebody else's: the master user could not grant them.
    const known = await client.query<{ rolname: string }>(
      `SELECT rolname FROM pg_roles WHERE rolname LIKE 'dbrag\\_%' AND rolname <> $1`,
      [login.username],
    );
    for (const { rolname } of known.rows) {
      await client.query(`GRANT ${pg.escapeIdentifier(rolname)} TO ${role} WITH ADMIN OPTION`);
    }
  });
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
