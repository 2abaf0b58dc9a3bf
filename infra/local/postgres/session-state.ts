import type { Engine } from './engine.ts';

/** What a connection has set; the backend must be put into this state before its turn. */
export interface SessionState {
  /** session_user */
  user: string;
  /** SET ROLE; `none` when not set. */
  role: string;
  /** Settings that differ from the server's, by name. */
  settings: ReadonlyMap<string, string>;
}

/** A connection as the switch sees it. */
export interface SessionMember {
  state: SessionState;
  /** The live state may differ from `state`: read it before another connection's turn. */
  stateIsStale: boolean;
  /** Names of custom settings that this connection may have set. */
  readonly customSettings: Set<string>;
}

export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`;
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

// The bootstrap superuser. Not DEFAULT, which a single-user backend takes for "as it is".
const SERVER_USER = 'postgres';

const keyOf = (state: SessionState): string => JSON.stringify([state.user, state.role, [...state.settings].sort()]);

/**
 * Keeps user, role and settings of the connections apart in the one session. Nothing runs when the next connection
 * wants the state that the session is in, which is the case for all connections of a pool.
 */
export class SessionSwitch {
  readonly #engine: Engine;
  #active: SessionMember | undefined;
  #key: string | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** The connection that had the last turn. */
  isActive(member: SessionMember): boolean {
    return this.#active === member;
  }

  /** Puts the session into a connection's state. */
  async activate(member: SessionMember): Promise<void> {
    if (this.#active === member) return;
    await this.#saveActive();
    const key = keyOf(member.state);
    if (key !== this.#key) await this.#apply(member.state, key);
    this.#active = member;
  }

  /** Puts the session into the server's own state: the bootstrap superuser. */
  async activateServer(): Promise<void> {
    await this.#saveActive();
    this.#active = undefined;
    const state: SessionState = { user: SERVER_USER, role: 'none', settings: new Map() };
    const key = keyOf(state);
    if (key !== this.#key) await this.#apply(state, key);
  }

  /** The session's state is no longer what the last switch made; the next turn sets it anew. */
  forget(): void {
    this.#active = undefined;
    this.#key = undefined;
  }

  /** A connection is leaving: its state need not be kept. */
  leave(member: SessionMember): void {
    if (this.#active === member && member.stateIsStale) this.forget();
    else if (this.#active === member) this.#active = undefined;
  }

  async #saveActive(): Promise<void> {
    const member = this.#active;
    if (!member?.stateIsStale) return;
    this.forget();
    const custom = [...member.customSettings].map(quoteLiteral).join(',');
    const rows = await this.#engine.query(
      `SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings WHERE source = 'session'
       UNION ALL SELECT name, value FROM (SELECT name, pg_catalog.current_setting(name, true) AS value
         FROM pg_catalog.unnest(ARRAY[${custom}]::text[]) AS name) AS custom WHERE value <> ''
       UNION ALL SELECT 'role', pg_catalog.current_setting('role')
       UNION ALL SELECT 'session_user', session_user`,
    );
    const settings = new Map(rows as [string, string][]);
    const take = (name: string): string => {
      const value = settings.get(name) as string;
      settings.delete(name);
      return value;
    };
    member.state = { role: take('role'), user: take('session_user'), settings };
    member.stateIsStale = false;
    this.#key = keyOf(member.state);
  }

  async #apply(state: SessionState, key: string): Promise<void> {
    this.forget();
    const settings = [...state.settings].map(
      ([name, value]) => `SELECT pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false);`,
    );
    const role = state.role === 'none' ? '' : `SET ROLE ${quoteName(state.role)};`;
    await this.#engine.query(
      `SET SESSION AUTHORIZATION ${SERVER_USER}; RESET ALL; SET SESSION AUTHORIZATION ${quoteName(state.user)}; ${settings.join(' ')} ${role}`,
    );
    this.#key = key;
  }
}
