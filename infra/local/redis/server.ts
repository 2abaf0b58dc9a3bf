import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Server } from './commands/command.ts';
import { commandTable } from './commands/index.ts';
import { Channels } from './commands/publish.ts';
import { Connection } from './connection.ts';
import { execute } from './dispatcher.ts';
import { createLuaScripts, type LuaScripts } from './lua/scripts.ts';
import { Keyspace } from './storage/keyspace.ts';

const SWEEP_INTERVAL_MS = 250;
const KEYS_PER_SWEEP = 2_000;
const HOST = '127.0.0.1';

export interface RedisOptions {
  /** Of the default user; without it no login is needed. */
  readonly password?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Bytes of keys and values, roughly; beyond it keys with a deadline are evicted, then writes are refused. */
  readonly maxmemory?: number;
  /** A script that runs longer is stopped with an error; it would block every client. */
  readonly scriptTimeoutMs?: number;
  readonly log?: (message: string) => void;
}

export interface RunningRedis {
  readonly host: string;
  readonly port: number;
  /** With the password, as ioredis takes it. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the RESP server on loopback. Nothing is kept on disk: a cache may be lost. */
export async function startRedis(options: RedisOptions = {}): Promise<RunningRedis> {
  const scripts = await createLuaScripts({
    timeoutMs: options.scriptTimeoutMs ?? 5_000,
    log: options.log ?? (() => undefined),
  });
  const keyspace = new Keyspace(options.maxmemory ?? Number.POSITIVE_INFINITY);
  const sweeper = setInterval(() => keyspace.sweep(KEYS_PER_SWEEP), SWEEP_INTERVAL_MS).unref();
  const connections = new Set<Connection>();
  const listener = createServer({ noDelay: true });
  const port = await listen(listener, options.port ?? 0);
  const server = serverState(options, port, keyspace, scripts, connections);
  let nextId = 1;
  listener.on('connection', (socket) => accept(socket, new Connection(nextId++, socket, server), connections, options));
  const login = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  return {
    host: HOST,
    port,
    url: `redis://${login}${HOST}:${port}`,
    close: async () => {
      clearInterval(sweeper);
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const connection of connections) connection.destroy();
      await closed;
      scripts.close();
    },
  };
}

function serverState(
  { password }: RedisOptions,
  port: number,
  keyspace: Keyspace,
  scripts: LuaScripts,
  sessions: ReadonlySet<Connection>,
): Server {
  const server: Server = {
    keyspace,
    password,
    port,
    scripts,
    sessions,
    startedAt: Date.now(),
    channels: new Channels(),
    commandsProcessed: 0,
    execute: (session, args, caller) => execute({ server, session, keyspace }, args, caller),
    describeCommands: () => [...commandTable.values()],
  };
  return server;
}

function accept(socket: Socket, connection: Connection, connections: Set<Connection>, { log }: RedisOptions): void {
  connections.add(connection);
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // A client that went away without a word is no news.
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') log?.(`redis: ${connection.address}: ${error.message}`);
  });
  socket.on('close', () => {
    connection.release();
    connections.delete(connection);
  });
}

function listen(listener: ReturnType<typeof createServer>, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(port, HOST, () => {
      listener.off('error', reject);
      resolve((listener.address() as AddressInfo).port);
    });
  });
}
