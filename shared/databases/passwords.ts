import type { Database, Db } from '../core/database.ts';
import { newUuid } from '../core/ids.ts';
import { type Addressee, sealPassword } from './connection-secret.ts';

/** Stores passwords. It cannot read them. */
export interface PasswordStore {
  /** The prefix of secret names. */
  readonly prefix: string;
  /** @param name new: a secret is made once and never changed */
  create(name: string, value: string): Promise<void>;
  /** Removes at once, and succeeds where there is none. */
  remove(name: string): Promise<void>;
}

export interface PasswordPorts {
  readonly database: Database;
  readonly passwords: PasswordStore;
}

/** Longer than any request that stores a password and then its connection can last. */
const orphanAge = '1 hour';
const namesAtOnce = 100;

/**
 * Stores a password under a new name, which is recorded first: whatever crashes after that, the record leads the nightly pass to the leftover.
 * @returns the name, for the row of the connection
 */
export async function storePassword(ports: PasswordPorts, addressee: Addressee, password: string): Promise<string> {
  const { workspace_id: workspaceId, connection_id: connectionId } = addressee;
  const digits = (uuid: string) => uuid.replaceAll('-', '');
  const name = `${ports.passwords.prefix}${digits(workspaceId)}/${digits(newUuid())}`;
  await ports.database.inWorkspace({ workspaceId }, (db) =>
    db.query('INSERT INTO dbrag.connection_secrets (workspace_id, name, connection_id) VALUES ($1, $2, $3)', [
      workspaceId,
      name,
      connectionId,
    ]),
  );
  await ports.passwords.create(name, sealPassword(addressee, password));
  return name;
}

/** Removes a password that no connection names any more. Failures are left to the nightly pass. */
export async function discardPassword(ports: PasswordPorts, workspaceId: string, name: string): Promise<void> {
  try {
    await ports.passwords.remove(name);
    await ports.database.inWorkspace({ workspaceId }, (db) => forget(db, workspaceId, name));
  } catch {
    // The note is still there.
  }
}

/** The nightly step: removes passwords of a workspace that no connection names. @returns how many */
export async function removeOrphanedPasswords(
  { database, passwords }: PasswordPorts,
  workspaceId: string,
  hasTime: () => boolean,
): Promise<number> {
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<{ name: string }>(
      `SELECT s.name FROM dbrag.connection_secrets s
       WHERE s.workspace_id = $1 AND s.created_at < now() - interval '${orphanAge}'
         AND NOT EXISTS (SELECT FROM dbrag.connections c WHERE c.workspace_id = s.workspace_id AND c.secret_name = s.name)
       ORDER BY s.created_at, s.name LIMIT ${namesAtOnce}`,
      [workspaceId],
    ),
  );
  let removed = 0;
  for (const { name } of rows) {
    if (!hasTime()) break;
    await passwords.remove(name);
    await database.inWorkspace({ workspaceId }, (db) => forget(db, workspaceId, name));
    removed++;
  }
  return removed;
}

async function forget(db: Db, workspaceId: string, name: string): Promise<void> {
  await db.query('DELETE FROM dbrag.connection_secrets WHERE workspace_id = $1 AND name = $2', [workspaceId, name]);
}
