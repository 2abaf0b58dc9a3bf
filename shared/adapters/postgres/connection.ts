import type { ClientConfig } from 'pg';
import { valueParsers } from './value-parsers.ts';

export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Asked at every new connection: the reader of secrets caches. `fresh` passes that cache by, since what it gave was refused. */
  readonly password: (options: { fresh: boolean }) => Promise<string>;
  /** Verified against `ca` (PEM) if given, else against Node's own certificates; `off` only on loopback. */
  readonly tls: 'off' | { readonly ca?: string };
}

// A server that accepts and then says nothing must cost a request seconds, not minutes.
const connectionTimeoutMillis = 2000;

/** What `pg` needs for one connection; it has no time limit of its own. */
export function clientConfig(
  settings: ConnectionSettings,
  password = () => settings.password({ fresh: false }),
): ClientConfig {
  const { host, port, database, user, tls } = settings;
  return {
    host,
    port,
    database,
    user,
    password,
    ssl: tls === 'off' ? false : { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }) },
    connectionTimeoutMillis,
    keepAlive: true,
    application_name: 'dbrag',
    types: valueParsers,
  };
}
