import type { DatabaseSync } from 'node:sqlite';
import { S3Error } from './errors.ts';
import { retentionMode } from './retention-mode.ts';
import type { BucketSettings, BucketState } from './settings.ts';

export interface Bucket {
  readonly settings: BucketState;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** The buckets and their settings, kept in memory beside their rows: every request asks for one. */
export interface Buckets {
  find(name: string): Bucket | undefined;
  /** Creates the bucket, or gives an existing one these settings; its objects stay. */
  save(settings: BucketSettings, now: number): void;
  remove(name: string): void;
  /** By name. */
  all(): Bucket[];
}

export function createBuckets(database: DatabaseSync): Buckets {
  const known = new Map<string, Bucket>();
  for (const row of database.prepare('SELECT name, settings, created_at FROM buckets').all()) {
    const settings = JSON.parse(row.settings as string) as BucketState;
    known.set(settings.name, { settings, createdAt: row.created_at as number });
  }
  const upsert = database.prepare(
    `INSERT INTO buckets (name, settings, created_at) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET settings = excluded.settings`,
  );
  const remove = database.prepare('DELETE FROM buckets WHERE name = ?');

  return {
    find: (name) => known.get(name),
    save(wanted, now) {
      checkSettings(wanted);
      const before = known.get(wanted.name);
      const versioning = wanted.versioned ? 'Enabled' : before?.settings.versioning && 'Suspended';
      const settings: BucketState = { ...wanted, ...(versioning && { versioning }) };
      upsert.run(settings.name, JSON.stringify(settings), now);
      known.set(settings.name, { settings, createdAt: before?.createdAt ?? now });
    },
    remove(name) {
      remove.run(name);
      known.delete(name);
    },
    all: () => [...known.values()].sort((left, right) => (left.settings.name < right.settings.name ? -1 : 1)),
  };
}

function checkSettings({ name, versioned, objectLock }: BucketSettings): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) || name.includes('..')) {
    throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.', { BucketName: name });
  }
  if (objectLock?.enabled && !versioned) {
    throw new S3Error('InvalidBucketState', 'Object Lock needs a bucket with versioning enabled.');
  }
  if (objectLock?.retention != null) retentionMode(objectLock.retention.mode);
}
