import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDatabaseTemplate } from '../../infra/local/postgres/database-template.ts';
import { openDatabase } from '../../infra/local/postgres/open-database.ts';
import { servePglite, type WireServerOptions } from '../../infra/local/postgres/wire-server.ts';

/** A database of one test file's own, in this process. */
export interface ServedDatabase {
  readonly port: number;
  readonly adminUrl: string;
  readonly log: string[];
  url(user: string, password: string, database?: string): string;
  /** A connected client that is ended with the database. */
  client(config?: string | pg.ClientConfig): Promise<pg.Client>;
  /** A bare socket that is ended with the database. */
  socket(): Promise<Socket>;
  close(): Promise<void>;
}

const PASSWORD = 'the superuser’s: pass/word';

/** Serves a fresh database on which `sql` has run. */
export async function serveDatabase(sql: string, options: WireServerOptions = {}): Promise<ServedDatabase> {
  const prepare = async (adminUrl: string): Promise<void> => {
    const client = new pg.Client(adminUrl);
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  const directory = join(tmpdir(), 'dbrag-postgres-templates');
  const template = await createDatabaseTemplate(prepare, { directory, cacheKey: sql });
  const opened = await openDatabase({ template, superuserPassword: PASSWORD });
  const log: string[] = [];
  const server = await servePglite(opened.database, {
    databases: ['dbrag'],
    log: (line) => log.push(line),
    ...options,
  });
  const clients: pg.Client[] = [];
  const sockets: Socket[] = [];
  const adminUrl = server.url('postgres', PASSWORD);
  return {
    port: server.port,
    adminUrl,
    log,
    url: server.url,
    client: async (config = adminUrl) => {
      const client = new pg.Client(config);
      client.on('error', () => undefined); // the server ends connections on purpose
      clients.push(client);
      await client.connect();
      return client;
    },
    socket: async () => {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined); // and sockets
      sockets.push(socket);
      await new Promise((resolve) => socket.once('connect', resolve));
      return socket;
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.end()));
      for (const socket of sockets) socket.destroy();
      await server.close();
      await opened.close();
    },
  };
}
