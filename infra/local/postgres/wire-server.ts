import { type AddressInfo, createServer, type Server } from 'node:net';
import type { PGlite } from '@electric-sql/pglite';
import type { SharedSession } from './backend-session.ts';
import { Checkpointer } from './checkpointer.ts';
import { Connection, type ConnectionContext } from './connection.ts';
import { Engine, type EngineFailure } from './engine.ts';
import { NotificationHub } from './notification-hub.ts';
import { SessionQueue } from './session-queue.ts';
import { SessionSwitch } from './session-state.ts';

export interface WireServerOptions {
  /** 0 (the default) takes a free one. */
  readonly port?: number;
  /** Names under which the one database answers; `postgres` always does. */
  readonly databases?: readonly string[];
  /** Milliseconds that a transaction may stay idle before it is rolled back and its connection closed (25P03). */
  readonly idleInTransactionTimeout?: number;
  readonly log?: (line: string) => void;
  /** The backend died; every connection has been told so. */
  readonly onFailure?: (failure: EngineFailure) => void;
}

export interface WireServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** A connection string for a role of the database. */
  url(user: string, password: string, database?: string): string;
  /** Ends all connections (57P01), rolling back what is open. The database itself stays open. */
  close(): Promise<void>;
}

const IDLE_IN_TRANSACTION_TIMEOUT = 60_000;
const FIRST_PROCESS_ID = 1000;

/**
 * Serves a PGlite database to Postgres clients on 127.0.0.1. Until `close()` other users of the same `PGlite` object
 * get in only between the clients' transactions.
 *
 * All connections share one backend session, one transaction at a time. Each has its own: user and role, settings,
 * protocol-level prepared statements, transaction, channels. Whoever holds a session-level advisory lock, a temporary
 * table or a held cursor keeps the session, and the others wait, as in a transaction.
 * Not kept apart: PREPARE and EXECUTE in SQL, currval and lastval, what functions do out of sight (a lasting set_config
 * or advisory lock in a function's body). Not there: query cancellation, statement_timeout, parallel transactions, TLS.
 */
export async function servePglite(database: PGlite, options: WireServerOptions = {}): Promise<WireServer> {
  const engine = new Engine(database);
  const session: SharedSession = {
    engine,
    queue: new SessionQueue((work) => database.runExclusive(work)),
    switch: new SessionSwitch(engine),
    notifications: new NotificationHub(),
  };
  const connections = new Set<Connection>();
  const endAll = (code: string, message: string): void => {
    for (const connection of connections) connection.end({ severity: 'FATAL', code, message });
  };
  const context: ConnectionContext = {
    session,
    databases: new Set(['postgres', ...(options.databases ?? [])]),
    idleInTransactionTimeout: options.idleInTransactionTimeout ?? IDLE_IN_TRANSACTION_TIMEOUT,
    log: options.log ?? (() => undefined),
    onEngineFailure: (failure) => {
      endAll('57P02', 'the local Postgres stopped unexpectedly');
      options.onFailure?.(failure);
    },
  };
  const checkpointer = new Checkpointer(engine, session.queue, session.switch, (error) =>
    context.log(`checkpoint failed: ${error}`),
  );
  let nextId = FIRST_PROCESS_ID;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = new Connection(socket, nextId++, context);
    connections.add(connection);
    void connection.finished.then(() => connections.delete(connection));
  });
  const port = await listen(server, options.port ?? 0);
  return {
    host: '127.0.0.1',
    port,
    url: (user, password, name = options.databases?.[0] ?? 'postgres') => connectionUrl(port, user, password, name),
    close: async () => {
      checkpointer.stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      endAll('57P01', 'terminating connection due to administrator command');
      await Promise.all([...connections].map((connection) => connection.finished));
      await closed;
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** `postgres://user:password@127.0.0.1:port/database`, with every part encoded. */
export function connectionUrl(port: number, user: string, password: string, database: string): string {
  return `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}
