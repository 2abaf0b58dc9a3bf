import type { Frame } from './frame-reader.ts';
import { stringAt } from './protocol-messages.ts';
import { endsSession } from './sql-traits.ts';

/** What the first packet of a connection asks for. */
export type StartupRequest =
  | { readonly kind: 'encryption' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'unsupported'; readonly version: string }
  | Login;

export interface Login {
  readonly kind: 'login';
  readonly user: string;
  readonly database: string;
  /** Settings for this connection, in lower case: application_name, statement_timeout, `options=-c …`. */
  readonly settings: ReadonlyMap<string, string>;
  /** The client's own bound on an idle transaction in milliseconds, if it set one. */
  readonly idleInTransactionTimeout: number | undefined;
  /** The client speaks a newer minor version or wants `_pq_.` options: it is told what it gets. */
  readonly negotiate: readonly string[] | undefined;
}

const CANCEL = 80_877_102;
const SSL = 80_877_103;
const GSSENC = 80_877_104;
const NOT_SETTINGS = new Set(['user', 'database', 'replication', 'options']);

/** Reads the first packet (PostgreSQL's protocol 3.0, "Start-up"). */
export function readStartup({ bytes }: Frame): StartupRequest {
  const version = bytes.readInt32BE(4);
  if (version === SSL || version === GSSENC) return { kind: 'encryption' };
  if (version === CANCEL) return { kind: 'cancel' };
  const [major, minor] = [version >>> 16, version & 0xffff];
  if (major !== 3) return { kind: 'unsupported', version: `${major}.${minor}` };
  const parameters = readParameters(bytes);
  const user = parameters.get('user') ?? '';
  const extensions = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'));
  const settings = new Map(readOptions(parameters.get('options') ?? ''));
  for (const [name, value] of parameters) {
    if (!NOT_SETTINGS.has(name) && !extensions.includes(name)) settings.set(name.toLowerCase(), value);
  }
  const idleInTransactionTimeout = takeSessionEndingTimeouts(settings);
  return {
    kind: 'login',
    user,
    database: parameters.get('database') ?? user,
    settings,
    idleInTransactionTimeout,
    negotiate: minor > 0 || extensions.length > 0 ? extensions : undefined,
  };
}

/**
 * Takes out of a login's settings what would end the one session that everybody shares.
 * @returns milliseconds that a transaction of this connection may be idle, which the wire server watches over instead
 */
export function takeSessionEndingTimeouts(settings: Map<string, string>): number | undefined {
  const idle = milliseconds(settings.get('idle_in_transaction_session_timeout'));
  for (const name of settings.keys()) if (endsSession(name)) settings.delete(name);
  return idle;
}

function readParameters(bytes: Buffer): Map<string, string> {
  const parameters = new Map<string, string>();
  for (let at = 8; at < bytes.length && bytes[at] !== 0; ) {
    const name = stringAt(bytes, at);
    at += Buffer.byteLength(name) + 1;
    const value = stringAt(bytes, at);
    at += Buffer.byteLength(value) + 1;
    parameters.set(name, value);
  }
  return parameters;
}

/** `-c name=value`, `-cname=value` and `--name=value`, with a backslash before blanks that belong to the value. */
function readOptions(options: string): [string, string][] {
  const words = (options.match(/(?:\\.|[^\s\\])+/g) ?? []).map((word) => word.replace(/\\(.)/g, '$1'));
  const settings: [string, string][] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] as string;
    const assignment = word === '-c' ? (words[++index] ?? '') : word.replace(/^(?:-c|--)/, '');
    const separator = assignment.indexOf('=');
    if (separator < 1) continue;
    settings.push([assignment.slice(0, separator).replaceAll('-', '_').toLowerCase(), assignment.slice(separator + 1)]);
  }
  return settings;
}

const UNITS: Readonly<Record<string, number>> = {
  us: 0.001,
  '': 1,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function milliseconds(value: string | undefined): number | undefined {
  const match = /^\s*(\d+)\s*(us|ms|s|min|h|d)?\s*$/.exec(value ?? '');
  const result = match ? Number(match[1]) * (UNITS[match[2] ?? ''] as number) : 0;
  return result > 0 ? result : undefined;
}
