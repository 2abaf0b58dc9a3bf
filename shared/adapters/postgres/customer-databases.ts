import type { Client, ClientConfig } from 'pg';
import { DbragError } from '../../core/errors.ts';
import type { NetworkRules } from '../../databases/addresses.ts';
import type { CustomerDatabases, CustomerSession } from '../../databases/customer-session.ts';
import type { Target } from '../../databases/query-database.message.ts';
import { type Resolve, resolveHost } from '../../databases/resolve-host.ts';
import type { StatementConnection } from '../../databases/statement-connection.ts';
import { closeClient, isAlive, measureBytes, openClient } from './customer-client.ts';
import { customerFault, serverFault } from './customer-errors.ts';
import { CustomerStatement } from './customer-statement.ts';
import { tlsOptions } from './customer-tls.ts';
import { inReadOnlyTransaction, reserveMilliseconds } from './read-only-session.ts';

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
    return this.withClient(target, deadline, async (client) => {
      try {
        return await inReadOnlyTransaction(client, deadline, work);
      } catch (error) {
        // The statements are ours: what fails in them is a server that is not as PostgreSQL is.
        throw customerFault(error) ?? serverFault(error);
      }
    });
  }

  withStatement<T>(
    target: Target,
    deadline: number,
    work: (connection: StatementConnection) => Promise<T>,
  ): Promise<T> {
    return this.withClient(target, deadline, (client) => work(new CustomerStatement(client)));
  }

  /**
   * For who runs a statement of a caller's: the bare connection, outside of any transaction. It is closed when the work fails.
   * @throws as `CustomerDatabases.inSession`
   */
  async withClient<T>(target: Target, deadline: number, work: (client: Client) => Promise<T>): Promise<T> {
    const key = JSON.stringify(target);
    const client = (await this.take(key)) ?? (await this.connect(target, deadline));
    const meter = measureBytes(client);
    try {
      const result = await work(client);
      await this.keep(key, client);
      return result;
    } catch (error) {
      closeClient(client);
      if (meter.isExceeded()) throw tooMuch(error);
      throw customerFault(error) ?? error;
    } finally {
      meter.stop();
    }
  }

  async close(): Promise<void> {
    const { kept } = this;
    this.kept = undefined;
    if (kept) closeClient(kept.client);
  }

  private async take(key: string): Promise<Client | undefined> {
    const { kept } = this;
    this.kept = undefined;
    if (kept === undefined) return undefined;
    if (kept.key === key && Date.now() - kept.at < idleMilliseconds && isAlive(kept.client)) return kept.client;
    closeClient(kept.client);
    return undefined;
  }

  private async keep(key: string, client: Client): Promise<void> {
    if (this.kept) closeClient(this.kept.client);
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
        return await openClient(this.configOf(target, address, secret, deadline));
      } catch (error) {
        failure = customerFault(error) ?? notPostgres(error);
        if (!(failure instanceof DbragError) || failure.code !== 'connection_refused') break;
      }
    }
    throw failure;
  }

  private configOf(target: Target, address: string, password: string, deadline: number): ClientConfig {
    const left = deadline - Date.now() - reserveMilliseconds;
    if (left <= 0) throw new DbragError('timeout', 'There was no time left to ask the database.', { retryable: true });
    const { port, database, user } = target;
    return {
      host: address,
      port,
      database,
      user,
      password,
      ssl: tlsOptions(target, address, this.options),
      connectionTimeoutMillis: Math.min(connectMilliseconds, left),
      keepAlive: true,
      application_name: 'dbrag',
    };
  }
}

const tooMuch = (cause: unknown): DbragError =>
  new DbragError('payload_too_large', 'The database answered with more than fits.', { cause });

/** For servers that answer, but not in this protocol. */
function notPostgres(cause: unknown): DbragError {
  return new DbragError('connection_refused', 'The server at this host and port is not a PostgreSQL server.', {
    cause,
  });
}
