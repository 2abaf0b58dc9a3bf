import * as z from 'zod/mini';
import { DbragError } from '../core/errors.ts';

/**
 * The content of a connection's secret: the password in an envelope that says whose it is. The function that opens it compares, so a row
 * that came to name another workspace's secret, or another server than the password was given for, opens nothing.
 */
const envelope = z.object({
  v: z.literal(1),
  workspace_id: z.string(),
  connection_id: z.string(),
  host: z.string(),
  port: z.number(),
  database: z.string(),
  user: z.string(),
  password: z.string(),
});

/** For whom and for which server a password is. */
export type Addressee = Omit<z.infer<typeof envelope>, 'v' | 'password'>;

export function sealPassword(addressee: Addressee, password: string): string {
  const { workspace_id, connection_id, host, port, database, user } = addressee;
  return JSON.stringify({ v: 1, workspace_id, connection_id, host, port, database, user, password });
}

/** @throws auth_failed when the envelope is somebody else's */
export function openPassword(text: string, addressee: Addressee): string {
  const opened = envelope.safeParse(parseJson(text));
  const isOurs =
    opened.success &&
    (['workspace_id', 'connection_id', 'host', 'port', 'database', 'user'] as const).every(
      (member) => opened.data[member] === addressee[member],
    );
  if (!isOurs) throw new DbragError('auth_failed', 'The stored password is not for this connection: set it again.');
  return opened.data.password;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
