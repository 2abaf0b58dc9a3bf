import type { Engine } from './engine.ts';
import type { Frame } from './frame-reader.ts';
import {
  authenticationOk,
  authenticationSasl,
  authenticationSaslContinue,
  authenticationSaslFinal,
  type ProtocolError,
  stringAt,
} from './protocol-messages.ts';
import { impossibleVerifier, parseVerifier, ScramExchange } from './scram.ts';
import { quoteLiteral } from './session-state.ts';
import type { Login } from './startup-packet.ts';

/** A login that cannot go on; the client is told and the connection ends. */
export class LoginError extends Error {
  override name = 'LoginError';
  readonly error: ProtocolError;

  constructor(code: string, text: string) {
    super(text);
    this.error = { severity: 'FATAL', code, message: text };
  }
}

/** A role as pg_authid has it at the moment of the login. */
export interface RoleRecord {
  readonly mayLogin: boolean;
  readonly isSuperuser: boolean;
  readonly password: string | null;
  readonly isExpired: boolean;
  /** ALTER ROLE/DATABASE … SET, the stronger ones last. */
  readonly settings: readonly (readonly [string, string])[];
}

/** Looks a role up. The session must be the superuser's. */
export async function findRole(engine: Engine, user: string): Promise<RoleRecord | undefined> {
  const [role] = await engine.query(
    `SELECT rolcanlogin, rolsuper, rolpassword, coalesce(rolvaliduntil < pg_catalog.now(), false), oid
     FROM pg_catalog.pg_authid WHERE rolname = ${quoteLiteral(user)}`,
  );
  if (!role) return undefined;
  const [mayLogin, isSuperuser, password, isExpired, oid] = role;
  const settings = await engine.query(
    `SELECT pg_catalog.unnest(setconfig) FROM pg_catalog.pg_db_role_setting
     WHERE setrole IN (0, ${oid}) AND setdatabase IN
       (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
     ORDER BY setrole <> 0, setdatabase <> 0`,
  );
  return {
    mayLogin: mayLogin === 't',
    isSuperuser: isSuperuser === 't',
    password: password ?? null,
    isExpired: isExpired === 't',
    settings: settings.map(([setting]) => splitSetting(setting as string)),
  };
}

function splitSetting(setting: string): [string, string] {
  const separator = setting.indexOf('=');
  return [setting.slice(0, separator).toLowerCase(), setting.slice(separator + 1)];
}

/** The two ends of the conversation: what to send, and the client's next message. */
export interface Conversation {
  send(message: Buffer): void;
  receive(): Promise<Frame>;
}

const PASSWORD_MESSAGE = 'p'.charCodeAt(0);

/**
 * Proves the client's password by SCRAM-SHA-256 and ends with AuthenticationOk. An unknown role goes through the whole
 * exchange and fails like a wrong password (28P01).
 */
export async function authenticate(
  login: Login,
  role: RoleRecord | undefined,
  talk: Conversation,
): Promise<RoleRecord> {
  const verifier = parseVerifier(role?.password ?? null);
  const exchange = new ScramExchange(verifier ?? impossibleVerifier());
  const refused = (): LoginError => new LoginError('28P01', `password authentication failed for user "${login.user}"`);
  talk.send(authenticationSasl());
  const first = await receivePassword(talk);
  const mechanism = stringAt(first, 5);
  if (mechanism !== 'SCRAM-SHA-256') throw new LoginError('08P01', 'client selected an invalid SASL mechanism');
  const serverFirst = exchange.first(first.toString('utf8', 5 + mechanism.length + 1 + 4));
  if (!serverFirst) throw new LoginError('08P01', 'malformed SCRAM message');
  talk.send(authenticationSaslContinue(serverFirst));
  const final = await receivePassword(talk);
  const serverFinal = exchange.final(final.toString('utf8', 5));
  if (!serverFinal || !role || !verifier || role.isExpired) throw refused();
  if (!role.mayLogin) throw new LoginError('28000', `role "${login.user}" is not permitted to log in`);
  talk.send(Buffer.concat([authenticationSaslFinal(serverFinal), authenticationOk()]));
  return role;
}

async function receivePassword(talk: Conversation): Promise<Buffer> {
  const frame = await talk.receive();
  if (frame.type !== PASSWORD_MESSAGE) throw new LoginError('08P01', 'expected SASL response');
  return frame.bytes;
}
