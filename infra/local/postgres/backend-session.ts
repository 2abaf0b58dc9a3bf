import { type BackendOutput, readOutput } from './backend-output.ts';
import type { Batch } from './batch-collector.ts';
import type { Engine } from './engine.ts';
import type { Listener, NotificationHub } from './notification-hub.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import { simpleQuery, sync } from './protocol-messages.ts';
import type { SessionQueue, TurnEnd } from './session-queue.ts';
import { quoteName, type SessionMember, type SessionState, type SessionSwitch } from './session-state.ts';
import type { SqlTraits } from './sql-traits.ts';

/** What all connections of a server share. */
export interface SharedSession {
  readonly engine: Engine;
  readonly queue: SessionQueue;
  readonly switch: SessionSwitch;
  readonly notifications: NotificationHub;
}

/** One connection's share of the session: its turns, and what must be carried from one turn to the next. */
export class BackendSession implements SessionMember {
  readonly customSettings = new Set<string>();
  state: SessionState;
  stateIsStale = false;
  /** Why the session is kept although no transaction is open. */
  isPinned = false;
  readonly #shared: SharedSession;
  readonly #startup: SessionState;
  readonly #statements: PreparedStatements;
  readonly #listener: Listener;
  readonly #processId: number;
  #traits: SqlTraits[] = [];
  #unnamedIsLive = false;

  constructor(
    shared: SharedSession,
    startup: SessionState,
    statements: PreparedStatements,
    listener: Listener,
    processId: number,
  ) {
    this.#shared = shared;
    this.#startup = startup;
    this.state = startup;
    this.#statements = statements;
    this.#listener = listener;
    this.#processId = processId;
  }

  /** Whether others wait until this connection ends its transaction. */
  get isHeld(): boolean {
    return this.#shared.queue.isHeldBy(this);
  }

  /** Runs a batch when it is this connection's turn, and hands its answer to `reply`. */
  run(batch: Batch, reply: (bytes: Buffer) => void): Promise<void> {
    return this.#shared.queue.take(this, async () => {
      await this.#enter(batch);
      const messages = batch.messages.length === 1 ? (batch.messages[0] as Buffer) : Buffer.concat(batch.messages);
      const output = readOutput(await this.#shared.engine.execute(messages), batch.hasCopyData);
      this.#unnamedIsLive = true;
      this.#traits.push(...batch.traits);
      const end = await this.#afterBatch(output);
      reply(output.bytes);
      for (const notification of output.notifications) {
        this.#shared.notifications.deliver(notification, this.#processId);
      }
      return end;
    });
  }

  /** Makes the session this connection's for the first time, and asks for settings. */
  start(names: readonly string[]): Promise<(string | null)[]> {
    let values: (string | null)[] = [];
    const run = async (): Promise<TurnEnd> => {
      await this.#shared.switch.activate(this);
      const columns = names.map((name) => `pg_catalog.current_setting('${name}')`);
      [values = []] = await this.#shared.engine.query(`SELECT ${columns.join(', ')}`);
      return 'released';
    };
    return this.#shared.queue.take(this, run).then(() => values);
  }

  /** Takes back whatever the connection left in the session: transaction, statements, channels, locks. */
  leave(): Promise<void> {
    return this.#shared.queue.take(this, async () => {
      const { engine, notifications } = this.#shared;
      if (this.isHeld) await engine.execute(Buffer.concat([sync(), simpleQuery('ROLLBACK')]));
      const closes = this.#statements.closeAll();
      if (closes) await engine.execute(closes);
      if (this.isPinned) await this.#dropPinned();
      const orphans = notifications.unsubscribe(this.#listener, '*');
      if (orphans.length > 0) await engine.query(orphans.map((name) => `UNLISTEN ${quoteName(name)}`).join(';'));
      this.#shared.switch.leave(this);
      return 'released';
    });
  }

  async #enter(batch: Batch): Promise<void> {
    if (this.isHeld) return;
    if (!this.#shared.switch.isActive(this)) this.#unnamedIsLive = false;
    await this.#shared.switch.activate(this);
    if (batch.unnamed && !this.#unnamedIsLive)
      await this.#shared.engine.execute(Buffer.concat([batch.unnamed, sync()]));
  }

  async #afterBatch(output: BackendOutput): Promise<TurnEnd> {
    if (output.status !== 'I') return 'held';
    if (this.#traits.length > 0 || this.isPinned) await this.#settle();
    return this.isPinned ? 'held' : 'released';
  }

  /** Between transactions: what did the statements leave behind? */
  async #settle(): Promise<void> {
    const traits = this.#traits;
    this.#traits = [];
    for (const { changesSettings, customSettings } of traits) {
      this.stateIsStale ||= changesSettings;
      for (const name of customSettings) this.customSettings.add(name.toLowerCase());
    }
    if (traits.some((trait) => trait.resetsSettings)) this.#restoreStartup();
    if (this.isPinned || traits.some((trait) => trait.mayPin)) {
      this.isPinned = await this.#holdsSessionObjects();
      this.#unnamedIsLive = false;
    }
    await this.#settleChannels(traits);
  }

  /** RESET ALL goes back to what the connection began with, which to the one session are ordinary settings. */
  #restoreStartup(): void {
    this.state = this.#startup;
    this.stateIsStale = false;
    this.#shared.switch.forget();
  }

  /** Session-level advisory locks, temporary tables and held cursors cannot be taken from the session and put back. */
  async #holdsSessionObjects(): Promise<boolean> {
    const [row] = await this.#shared.engine.query(
      `SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory')
         OR EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema())
         OR EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)`,
    );
    return row?.[0] === 't';
  }

  async #dropPinned(): Promise<void> {
    for (const sql of ['SELECT pg_catalog.pg_advisory_unlock_all()', 'DISCARD TEMP', 'CLOSE ALL']) {
      await this.#shared.engine.query(sql);
    }
    this.isPinned = false;
  }

  async #settleChannels(traits: readonly SqlTraits[]): Promise<void> {
    const listensTo = traits.flatMap((trait) => trait.listensTo);
    const unlistens = traits.flatMap((trait) => trait.unlistens);
    if (listensTo.length === 0 && unlistens.length === 0) return;
    const { engine, notifications } = this.#shared;
    this.#unnamedIsLive = false;
    for (const channel of unlistens) notifications.unsubscribe(this.#listener, channel);
    const listening = new Set((await engine.query('SELECT pg_catalog.pg_listening_channels()')).map(([name]) => name));
    for (const channel of listensTo) if (listening.has(channel)) notifications.subscribe(this.#listener, channel);
    // UNLISTEN was for this connection, but the backend has stopped listening for all of them.
    const missing = notifications.channels.filter((name) => !listening.has(name));
    if (missing.length > 0) await engine.query(missing.map((name) => `LISTEN ${quoteName(name)}`).join(';'));
  }
}
