import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * `rank` orders the versions of a key, newest last. `latest` marks the current one, so that lists and plain reads
 * touch one index. Keys compare as bytes of UTF-8, which is S3's order.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS buckets (
  name TEXT PRIMARY KEY, settings TEXT NOT NULL, notifications TEXT, created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS objects (
  rank INTEGER PRIMARY KEY AUTOINCREMENT,
  bucket TEXT NOT NULL, key TEXT NOT NULL, version_id TEXT NOT NULL,
  latest INTEGER NOT NULL, delete_marker INTEGER NOT NULL,
  size INTEGER NOT NULL, etag TEXT NOT NULL, body_id TEXT, last_modified INTEGER NOT NULL,
  attributes TEXT NOT NULL, tags TEXT NOT NULL, retention TEXT, legal_hold INTEGER NOT NULL,
  UNIQUE (bucket, key, version_id)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS objects_latest ON objects (bucket, key) WHERE latest = 1;
CREATE INDEX IF NOT EXISTS objects_versions ON objects (bucket, key, rank DESC);
CREATE INDEX IF NOT EXISTS objects_body ON objects (body_id);
CREATE TABLE IF NOT EXISTS uploads (
  upload_id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, initiated_at INTEGER NOT NULL,
  attributes TEXT NOT NULL, tags TEXT NOT NULL, retention TEXT, legal_hold INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS uploads_key ON uploads (bucket, key, upload_id);
CREATE TABLE IF NOT EXISTS parts (
  upload_id TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE, number INTEGER NOT NULL,
  size INTEGER NOT NULL, etag TEXT NOT NULL, body_id TEXT NOT NULL, checksum TEXT, last_modified INTEGER NOT NULL,
  PRIMARY KEY (upload_id, number)
) STRICT;
CREATE TABLE IF NOT EXISTS notifications (
  id INTEGER PRIMARY KEY AUTOINCREMENT, queue_arn TEXT NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sequence (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO sequence VALUES (1, 0);
`;

/**
 * The metadata of all buckets. WAL with `synchronous = NORMAL` keeps every committed transaction through the death
 * of the process (not through a power cut, which one machine's stand-in need not survive). The lock keeps a second
 * process out, whose start would sweep away what this one is writing.
 */
export function openDatabase(directory: string): DatabaseSync {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'metadata.sqlite');
  const database = new DatabaseSync(path);
  chmodSync(path, 0o600);
  database.exec(
    'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 2000;',
  );
  database.exec(SCHEMA);
  return database;
}

/** Runs `work` in one transaction. It must not await: the process has one connection and other requests would join in. */
export function inTransaction<T>(database: DatabaseSync, work: () => T extends Promise<unknown> ? never : T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result as T;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
