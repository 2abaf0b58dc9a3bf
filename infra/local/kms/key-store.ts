import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** A symmetric key as `AWS::KMS::Key` describes it. */
export interface KeySettings {
  readonly id: string;
  readonly description?: string;
  /** `alias/<name>`. */
  readonly aliases?: readonly string[];
}

export interface Key {
  readonly id: string;
  readonly arn: string;
  readonly description: string;
  /** 32 bytes; never leaves the process. */
  readonly material: Uint8Array;
  readonly enabled: boolean;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface KeyStore {
  /** Makes the key, or gives an existing one this description and these aliases: its material stays for ever. */
  save(settings: KeySettings, now: number): Key;
  /** By id, ARN, `alias/<name>` or an alias' ARN. */
  find(idOrArnOrAlias: string): Key | undefined;
  setEnabled(id: string, enabled: boolean): void;
  close(): void;
}

const ARN_PREFIX = 'arn:aws:kms:us-east-1:000000000000:';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS keys (
  id TEXT PRIMARY KEY, description TEXT NOT NULL, material BLOB NOT NULL, enabled INTEGER NOT NULL, created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS aliases (name TEXT PRIMARY KEY, key_id TEXT NOT NULL REFERENCES keys) STRICT;
`;

/** Keys in `<directory>/keys.sqlite`, readable by their owner alone. */
export function openKeyStore(directory: string): KeyStore {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'keys.sqlite');
  const database = new DatabaseSync(path);
  chmodSync(path, 0o600);
  database.exec(
    'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000;',
  );
  database.exec(SCHEMA);
  const insert = database.prepare(
    `INSERT INTO keys VALUES (?, ?, ?, 1, ?) ON CONFLICT (id) DO UPDATE SET description = excluded.description`,
  );
  const insertAlias = database.prepare('INSERT OR REPLACE INTO aliases VALUES (?, ?)');
  const select = database.prepare('SELECT * FROM keys WHERE id = ?');
  const selectAlias = database.prepare('SELECT key_id FROM aliases WHERE name = ?');
  const update = database.prepare('UPDATE keys SET enabled = ? WHERE id = ?');

  /** Every object of an encrypted bucket asks for its key. By the name that was asked for; empty after each change. */
  const known = new Map<string, Key>();

  function find(name: string): Key | undefined {
    const found = known.get(name) ?? read(name);
    if (found !== undefined) known.set(name, found);
    return found;
  }

  function read(name: string): Key | undefined {
    const local = name.startsWith(ARN_PREFIX) ? name.slice(ARN_PREFIX.length) : name;
    const id = local.startsWith('alias/') ? selectAlias.get(local)?.key_id : local.replace(/^key\//, '');
    const row = id === undefined ? undefined : select.get(id);
    return row === undefined ? undefined : keyOf(row);
  }

  return {
    find,
    save({ id, description = '', aliases = [] }, now) {
      insert.run(id, description, randomBytes(32), now);
      for (const alias of aliases) insertAlias.run(alias, id);
      known.clear();
      return keyOf(select.get(id) as Record<string, unknown>);
    },
    setEnabled(id, enabled) {
      update.run(Number(enabled), id);
      known.clear();
    },
    close: () => database.close(),
  };
}

function keyOf(row: Record<string, unknown>): Key {
  return {
    id: row.id as string,
    arn: `${ARN_PREFIX}key/${row.id}`,
    description: row.description as string,
    material: row.material as Uint8Array,
    enabled: row.enabled === 1,
    createdAt: row.created_at as number,
  };
}
