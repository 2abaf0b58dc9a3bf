import { type ConnectionOptions, checkServerIdentity, rootCertificates } from 'node:tls';
import pg, { type Client } from 'pg';
import { DbragError } from '../../core/errors.ts';
import { isInside, type NetworkRules } from '../../databases/addresses.ts';
import type { CustomerDatabases, CustomerSession } from '../../databases/customer-session.ts';
import type { Target } from '../../databases/query-database.message.ts';
import { type Resolve, resolveHost } from '../../databases/resolve-host.ts';
import { customerFault } from './customer-errors.ts';

export interface CustomerDatabaseOptions {
  readonly rules: NetworkRules;
  readonly resolve: Resolve;
  /** The password or token for a target. `fresh`: what it gave before was refused. */
  readonly password: (target: Target, options: { readonly fresh: boolean }) => Promise<string>;
  /** Authorities beside Node's own, as PEM: Amazon's. */
  readonly authorities: () => string;
}

/** A server that takes the connection and says nothing must not cost the whole time of a request. */
const connectMilliseconds = 5_000;
/** Left to tell the caller what happened, and to tell the server to stop. */
const reserveMilliseconds = 250;
/** Past this, a connection that lay idle is not trusted: the function may have been frozen meanwhile. */
const idleMilliseconds = 30_000;
/** A host with several addresses is given up after these. */
const addressesTried = 2;

/**
 * Sessions on customers' databases, at most one connection at a time: the last one is kept for the next request of the same
 * connection. A new one resolves the host, has every address checked and connects to one of them literally.
 */
export class PostgresCustomerDatabases implements CustomerDatabases {
  private readonly options: CustomerDatabaseOptions;
  private kept: { readonly key: string; readonly client: Client; readonly at: number } | undefined;

  constructor(options: CustomerDatabaseOptions) {
    this.options = options;
  }

  async inSession<T>(target: Target, deadline: number, work: (session: CustomerSession) => Promise<T>): Promise<T> {
    return this.withClient(target, deadline, (client) => inReadOnlyTransaction(client, deadline, work));
  }

  /**
   * For who runs a statement of a caller's: the bare connection, outside of any transaction. It is closed when the work fails.
   * @throws as `CustomerDatabases.inSession`
   */
  async withClient<T>(target: Target, deadline: number, work: (client: Client) => Promise<T>): Promise<T> {
    const key = JSON.stringify(target);
    const client = (await this.take(key)) ?? (await this.connect(target, deadline));
    try {
      const result = await work(client);
      await this.keep(key, client);
      return result;
    } catch (error) {
      close(client);
      throw customerFault(error) ?? error;
    }
  }

  async close(): Promise<void> {
    const { kept } = this;
    this.kept = undefined;
    if (kept) close(kept.client);
  }

  private async take(key: string): Promise<Client | undefined> {
    const { kept } = this;
    this.kept = undefined;
    if (kept === undefined) return undefined;
    if (kept.key === key && Date.now() - kept.at < idleMilliseconds && isAlive(kept.client)) return kept.client;
    close(kept.client);
    return undefined;
  }

  private async keep(key: string, client: Client): Promise<void> {
    if (this.kept) close(this.kept.client);
    this.kept = { key, client, at: Date.now() };
  }

  private async connect(target: Target, deadline: number): Promise<Client> {
    try {
      return await this.connectWith(target, deadline, false);
    } catch (error) {
      // The password may have been changed while an old one was kept.
      if (!(error instanceof DbragError) || error.code !== 'auth_failed') throw error;
      return this.connectWith(target, deadline, true);
    }
  }

  private async connectWith(target: Target, deadline: number, fresh: boolean): Promise<Client> {
    const { rules, resolve, password } = this.options;
    const addresses = await resolveHost(target.host, target.port, rules, resolve);
    const secret = await password(target, { fresh });
    let failure: unknown;
    for (const address of addresses.slice(0, addressesTried)) {
      try {
        return await open(this.configOf(target, address, secret, deadline));
      } catch (error) {
        failure = customerFault(error) ?? notPostgres(error);
        if (!(failure instanceof DbragError) || failure.code !== 'connection_refused') break;
      }
    }
    throw failure;
  }

  private configOf(target: Target, address: string, password: string, deadline: number): pg.ClientConfig {
    const left = deadline - Date.now() - reserveMilliseconds;
    if (left <= 0) throw new DbragError('timeout', 'There was no time left to ask the database.', { retryable: true });
    const { port, database, user } = target;
    return {
      host: address,
      port,
      database,
      user,
      password,
      ssl: this.tlsOf(target, address),
      connectionTimeoutMillis: Math.min(connectMilliseconds, left),
      keepAlive: true,
      application_name: 'dbrag',
    };
  }

  private tlsOf({ ssl, host, ca_certificate: own }: Target, address: string): false | ConnectionOptions {
    const { rules, authorities } = this.options;
    if (ssl === 'disable') {
      if (isInside(address, rules)) return false;
      throw new DbragError('tls_failed', 'A database outside of the allowed networks is reached with TLS only.');
    }
    return {
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ca: own === null ? [...rootCertificates, authorities()] : [own],
      ...(ssl === 'verify-full' && isName(host) ? { servername: host } : {}),
      // Of the name that was given: the connection goes to an address.
      checkServerIdentity: (_, certificate) =>
        ssl === 'verify-ca' ? undefined : checkServerIdentity(host, certificate),
    };
  }
}

const isName = (host: string): boolean => /[a-z]/i.test(host) && !host.includes(':');

async function open(config: pg.ClientConfig): Promise<Client> {
  const client = new pg.Client(config);
  // Without a listener a broken connection ends the process.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    close(client);
    throw error;
  }
}

/** What answers there, but not in this protocol. */
function notPostgres(cause: unknown): DbragError {
  return new DbragError('connection_refused', 'What answers at this host and port is no PostgreSQL server.', { cause });
}

function isAlive(client: Client): boolean {
  const { connection } = client as unknown as { connection: { stream: { destroyed: boolean; readable: boolean } } };
  return !connection.stream.destroyed && connection.stream.readable;
}

/** At once: what is under way on it is of no interest, and a frozen server would not answer a farewell. */
function close(client: Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  client.end().catch(() => {});
  connection.stream.destroy();
}

/** Nothing that is asked here may change anything; the server holds that as well, and the time. */
async function inReadOnlyTransaction<T>(
  client: Client,
  deadline: number,
  work: (session: CustomerSession) => Promise<T>,
): Promise<T> {
  const left = () => Math.floor(deadline - Date.now() - reserveMilliseconds);
  const send = (text: string, values: readonly unknown[] = []) => {
    const limit = left();
    if (limit <= 0) throw new DbragError('timeout', 'The database did not answer in time.', { retryable: true });
    // The extended protocol takes one statement; without values `pg` would use the one that takes several.
    return client.query({ text, values: [...values], queryMode: 'extended', query_timeout: limit } as pg.QueryConfig);
  };
  await send('BEGIN READ ONLY');
  await send("SELECT set_config('statement_timeout', $1, true), set_config('search_path', 'pg_catalog', true)", [
    String(Math.max(1, left())),
  ]);
  const result = await work({
    async query<Row>(text: string, values?: readonly unknown[]) {
      const { rows } = await send(text, values);
      return rows as Row[];
    },
  });
  await send('ROLLBACK');
  return result;
}
