/** What a statement may do to the one session that all connections share; a guess from its text, on the safe side. */
export interface SqlTraits {
  /** May leave a setting or role behind that belongs to this connection only. */
  readonly changesSettings: boolean;
  /** Custom settings (`a.b`) it names: they are missing in pg_settings, so they are asked for by name. */
  readonly customSettings: readonly string[];
  /** Sets everything back to what the session began with. */
  readonly resetsSettings: boolean;
  /** May leave a session-level advisory lock, temporary table or held cursor behind. */
  readonly mayPin: boolean;
  readonly listensTo: readonly string[];
  /** `*` for all. */
  readonly unlistens: readonly string[];
  /** Reads rows from the client. */
  readonly copyIn: 'text' | 'binary' | undefined;
  /** Takes another user's rights for the whole session. */
  readonly changesAuthorization: boolean;
  /** Would drop what other connections prepared. */
  readonly dropsStatements: boolean;
}

export const NO_TRAITS: SqlTraits = {
  changesSettings: false,
  customSettings: [],
  resetsSettings: false,
  mayPin: false,
  listensTo: [],
  unlistens: [],
  copyIn: undefined,
  changesAuthorization: false,
  dropsStatements: false,
};

const INTERESTING =
  /\b(?:set|set_config|reset|discard|deallocate|listen|unlisten|stdin|temp|temporary|hold)\b|advisory_(?:un)?lock/i;
const LITERALS = /'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$/g;
const LOCAL_SET_CONFIG = /\bset_config\s*\([^()]*,\s*true\s*\)/gi;
const LASTING_SET =
  /(?:^|;)\s*(?:re)?set\s+(?!local\b|transaction\b|constraints\b)|\bset_config\s*\(|(?:^|;)\s*discard\b/i;
const NAME = String.raw`("(?:[^"]|"")+"|[a-z_][\w$]*)`;

/** Reads the traits of a text of one or more statements. */
export function sqlTraits(sql: string): SqlTraits {
  if (!INTERESTING.test(sql)) return NO_TRAITS;
  const code = sql.replace(LITERALS, (literal) => (literal.startsWith("'") ? "''" : ' '));
  const copy = /(?:^|;)\s*copy\b[^;]*\bfrom\s+stdin\b([^;]*)/i.exec(code);
  const changesSettings = LASTING_SET.test(code.replace(LOCAL_SET_CONFIG, ''));
  return {
    changesSettings,
    customSettings: changesSettings ? (sql.match(/\b[a-z_]\w*\.[a-z_]\w*\b/gi) ?? []) : [],
    resetsSettings: /(?:^|;)\s*reset\s+all\b/i.test(code),
    mayPin: /advisory_(?:un)?lock|\btemp(?:orary)?\b|\bhold\b/i.test(code),
    listensTo: names(code, 'listen'),
    unlistens: names(code, 'unlisten'),
    copyIn: copy
      ? /\bbinary\b/i.test(copy[1] as string) || /copy\s+binary/i.test(copy[0])
        ? 'binary'
        : 'text'
      : undefined,
    changesAuthorization:
      /\bsession\s+authorization\b/i.test(code) ||
      /set_config\s*\(\s*'(?:session_authorization|is_superuser)'/i.test(sql),
    dropsStatements: /(?:^|;)\s*(?:deallocate\s+(?:prepare\s+)?all|discard\s+all)\b/i.test(code),
  };
}

function names(code: string, verb: 'listen' | 'unlisten'): string[] {
  const pattern = new RegExp(String.raw`(?:^|;)\s*${verb}\s+(?:${NAME}|(\*))`, 'gi');
  return [...code.matchAll(pattern)].map((match) => match[2] ?? foldName(match[1] as string));
}

/** An identifier as Postgres stores it: unquoted ones in lower case. */
function foldName(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
}

// A timer that ends the session ends PGlite, which is the session of everyone. The wire server has its own bound, so
// these settings live on under a custom name: they can be set and shown, and do nothing.
// Not in ALTER ROLE or ALTER DATABASE: there they only apply at a login, where this server leaves them out.
const SESSION_ENDING =
  /\b(?<!\.)(?<!\balter\s+(?:role|user|database)\b[^;]*)(idle_in_transaction_session_timeout|idle_session_timeout|transaction_timeout)\b/gi;

export function withoutSessionEndingTimeouts(sql: string): string {
  return sql.includes('_timeout') ? sql.replace(SESSION_ENDING, (name) => `local_postgres.${name.toLowerCase()}`) : sql;
}

/** Whether a start-up setting is one of those. */
export function endsSession(setting: string): boolean {
  return /^(?:idle_in_transaction_session_timeout|idle_session_timeout|transaction_timeout)$/i.test(setting);
}
