import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** A server that follows the one of `LOCAL_DATABASE_URL` by streaming replication, and can be held back. */
export class Standby {
  readonly #server: pg.Client;
  readonly #primary: pg.Client;
  readonly #url: string;

  private constructor(url: string, server: pg.Client, primary: pg.Client) {
    this.#url = url;
    this.#server = server;
    this.#primary = primary;
  }

  /** @param primaryUrl as a superuser, of the server that it follows */
  static async connect(url: string, primaryUrl: string): Promise<Standby> {
    const [server, primary] = [
      new pg.Client({ connectionString: url }),
      new pg.Client({ connectionString: primaryUrl }),
    ];
    for (const client of [server, primary]) client.on('error', () => {});
    await Promise.all([server.connect(), primary.connect()]);
    return new Standby(url, server, primary);
  }

  /** The same login and database, there. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.port = new URL(this.#url).port;
    return url.href;
  }

  /** From here on it shows what it shows now. */
  async pause(): Promise<void> {
    await this.#server.query('SELECT pg_wal_replay_pause()');
    while (!(await this.#is("pg_get_wal_replay_pause_state() = 'paused'"))) await delay(5);
  }

  /** Until it shows all that is committed now. */
  async catchUp(): Promise<void> {
    await this.#server.query('SELECT pg_wal_replay_resume()');
    const { rows } = await this.#primary.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
    while (!(await this.#is(`pg_last_wal_replay_lsn() >= '${rows[0]?.lsn}'::pg_lsn`))) await delay(5);
  }

  async close(): Promise<void> {
    await this.#server.query('SELECT pg_wal_replay_resume()');
    await Promise.all([this.#server.end(), this.#primary.end()]);
  }

  async #is(condition: string): Promise<boolean> {
    const { rows } = await this.#server.query<{ is: boolean }>(`SELECT ${condition} AS is`);
    return rows[0]?.is === true;
  }
}
