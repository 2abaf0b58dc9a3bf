import type { ClientConfig } from 'pg';

export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Asked at every new connection; the reader of secrets caches. `fresh` skips that cache: the cached one was refused. */
  readonly password: (options: { fresh: boolean }) => Promise<string>;
  /** Verified against `ca` (PEM) if given, else Node's own certificates; `off` only on loopback. */
  readonly tls: 'off' | { readonly ca?: string };
}

// A server that accepts and then says nothing must cost a request seconds, not minutes.
const connectionTimeoutMillis = 2000;

/** What `pg` needs for one connection, with time limits: it has none by default. */
export async function clientConfig(settings: ConnectionSettings): Promise<ClientConfig> {
  const { host, port, database, user, tls } = settings;
  return {
    host,
    port,
    database,
    user,
    password: await settings.password({ fresh: false }),
    ssl: tls === 'off' ? false : { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }) },
    connectionTimeoutMillis,
    keepAlive: true,
    application_name: 'dbrag',
  };
}
