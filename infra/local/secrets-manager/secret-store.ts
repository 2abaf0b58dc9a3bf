import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface SecretValue {
  readonly string?: string;
  /** Base64. */
  readonly binary?: string;
}

export interface Secret {
  readonly arn: string;
  readonly name: string;
  readonly description: string;
  readonly keyArn: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** Times in milliseconds since 1970. */
  readonly createdAt: number;
  readonly changedAt: number;
  /** When it is to be gone; undefined while it lives. */
  readonly deleteAt: number | undefined;
}

export interface Version extends SecretValue {
  readonly id: string;
  readonly createdAt: number;
  /** `AWSCURRENT`, `AWSPREVIOUS`, … */
  readonly stages: readonly string[];
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS secrets (
  arn TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, key_arn TEXT, tags TEXT NOT NULL,
  created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, delete_at INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS versions (
  rank INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL REFERENCES secrets ON DELETE CASCADE, id TEXT NOT NULL,
  value TEXT NOT NULL, stages TEXT NOT NULL, created_at INTEGER NOT NULL, UNIQUE (arn, id)
) STRICT;
`;

/** Secrets and their versions. Every method is one synchronous step; `transaction` joins several. */
export interface SecretStore {
  byName(name: string): Secret | undefined;
  byArn(arn: string): Secret | undefined;
  /** By name. */
  all(): Secret[];
  save(secret: Secret): void;
  remove(arn: string): void;
  /** Oldest first. */
  versions(arn: string): Version[];
  saveVersion(arn: string, version: Version): void;
  removeVersion(arn: string, id: string): void;
  transaction<T>(work: () => T extends Promise<unknown> ? never : T): T;
  close(): void;
}

/** Secrets in `<directory>/secrets.sqlite`, readable by their owner alone; an acknowledged write outlives the process. */
export function openSecretStore(directory: string): SecretStore {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'secrets.sqlite');
  const database = new DatabaseSync(path);
  chmodSync(path, 0o600);
  database.exec(
    'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 2000;',
  );
  database.exec(SCHEMA);
  const byName = database.prepare('SELECT * FROM secrets WHERE name = ?');
  const byArn = database.prepare('SELECT * FROM secrets WHERE arn = ?');
  const all = database.prepare('SELECT * FROM secrets ORDER BY name');
  const upsert = database.prepare(
    `INSERT INTO secrets VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (arn) DO UPDATE SET description = excluded.description,
       key_arn = excluded.key_arn, tags = excluded.tags, changed_at = excluded.changed_at, delete_at = excluded.delete_at`,
  );
  const remove = database.prepare('DELETE FROM secrets WHERE arn = ?');
  const versions = database.prepare('SELECT * FROM versions WHERE arn = ? ORDER BY rank');
  const upsertVersion = database.prepare(
    `INSERT INTO versions (arn, id, value, stages, created_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (arn, id) DO UPDATE SET stages = excluded.stages`,
  );
  const removeVersion = database.prepare('DELETE FROM versions WHERE arn = ? AND id = ?');
  const found = (row: Record<string, unknown> | undefined) => (row === undefined ? undefined : secretOf(row));

  return {
    byName: (name) => found(byName.get(name)),
    byArn: (arn) => found(byArn.get(arn)),
    all: () => all.all().map(secretOf),
    save({ arn, name, description, keyArn, tags, createdAt, changedAt, deleteAt }) {
      upsert.run(arn, name, description, keyArn ?? null, JSON.stringify(tags), createdAt, changedAt, deleteAt ?? null);
    },
    remove: (arn) => void remove.run(arn),
    versions: (arn) => versions.all(arn).map(versionOf),
    saveVersion(arn, { id, createdAt, stages, ...value }) {
      upsertVersion.run(arn, id, JSON.stringify(value), JSON.stringify(stages), createdAt);
    },
    removeVersion: (arn, id) => void removeVersion.run(arn, id),
    transaction(work) {
      database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        database.exec('COMMIT');
        return result as never;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
    close: () => database.close(),
  };
}

function secretOf(row: Record<string, unknown>): Secret {
  return {
    arn: row.arn as string,
    name: row.name as string,
    description: row.description as string,
    keyArn: (row.key_arn as string | null) ?? undefined,
    tags: JSON.parse(row.tags as string) as Record<string, string>,
    createdAt: row.created_at as number,
    changedAt: row.changed_at as number,
    deleteAt: (row.delete_at as number | null) ?? undefined,
  };
}

function versionOf(row: Record<string, unknown>): Version {
  return {
    id: row.id as string,
    createdAt: row.created_at as number,
    stages: JSON.parse(row.stages as string) as string[],
    ...(JSON.parse(row.value as string) as SecretValue),
  };
}
