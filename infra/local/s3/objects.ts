import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import {
  type NewVersion,
  type ObjectVersion,
  objectVersionOf,
  type Retention,
  type Tags,
  UNVERSIONED_ID,
} from './object-version.ts';
import type { BucketState } from './settings.ts';

/** What a delete did: what is gone (its body is then free), or the marker that now hides the key. */
export interface Deletion {
  readonly removed: ObjectVersion | undefined;
  readonly marker: ObjectVersion | undefined;
}

/** The version table. Every method is one synchronous step; callers wrap those that belong together in `inTransaction`. */
export interface Objects {
  current(bucket: string, key: string): ObjectVersion | undefined;
  version(bucket: string, key: string, versionId: string): ObjectVersion | undefined;
  /** Adds a version, or replaces the `null` one; returns what it replaced as `replaced`. */
  put(
    bucket: BucketState,
    version: NewVersion,
    now: number,
  ): { written: ObjectVersion; replaced: ObjectVersion | undefined };
  /** Delete without a version id: a marker where versions are kept, the end of the object where they are not. */
  deleteCurrent(bucket: BucketState, key: string, now: number): Deletion;
  deleteVersion(version: ObjectVersion): void;
  setTags(version: ObjectVersion, tags: Tags): void;
  setRetention(version: ObjectVersion, retention: Retention | undefined): void;
  setLegalHold(version: ObjectVersion, hold: boolean): void;
  isBodyNamed(bodyId: string): boolean;
  /** Versions that stopped being current at or before `before` and that no lock holds at `now`. */
  noncurrentSince(bucket: string, prefix: string, before: number, now: number, limit: number): ObjectVersion[];
  /** Current objects written at or before `before`. */
  currentSince(bucket: string, prefix: string, before: number, limit: number): ObjectVersion[];
  isBucketEmpty(bucket: string): boolean;
}

const EMPTY_ETAG = 'd41d8cd98f00b204e9800998ecf8427e';

export function createObjects(database: DatabaseSync): Objects {
  const selectCurrent = database.prepare('SELECT * FROM objects WHERE bucket = ? AND key = ? AND latest = 1');
  const selectVersion = database.prepare('SELECT * FROM objects WHERE bucket = ? AND key = ? AND version_id = ?');
  const deleteRank = database.prepare('DELETE FROM objects WHERE rank = ?');
  const unsetLatest = database.prepare('UPDATE objects SET latest = 0 WHERE bucket = ? AND key = ? AND latest = 1');
  const promote = database.prepare(
    `UPDATE objects SET latest = 1
      WHERE rank = (SELECT rank FROM objects WHERE bucket = ?1 AND key = ?2 ORDER BY rank DESC LIMIT 1)`,
  );
  const insert = database.prepare(
    `INSERT INTO objects (bucket, key, version_id, latest, delete_marker, size, etag, body_id, last_modified, attributes, tags, retention, legal_hold)
     VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
  );
  const selectBody = database.prepare(
    'SELECT 1 FROM objects WHERE body_id = ?1 UNION ALL SELECT 1 FROM parts WHERE body_id = ?1 LIMIT 1',
  );
  const selectAny = database.prepare('SELECT 1 FROM objects WHERE bucket = ? LIMIT 1');
  // A version stops being current when the next one is written.
  const selectNoncurrent = database.prepare(
    `SELECT * FROM objects AS old
      WHERE bucket = ?1 AND latest = 0 AND substr(key, 1, length(?2)) = ?2 AND legal_hold = 0
        AND (retention IS NULL OR json_extract(retention, '$.until') <= ?4)
        AND (SELECT min(last_modified) FROM objects AS newer
              WHERE newer.bucket = old.bucket AND newer.key = old.key AND newer.rank > old.rank) <= ?3
      LIMIT ?5`,
  );
  const selectOld = database.prepare(
    `SELECT * FROM objects
      WHERE bucket = ?1 AND latest = 1 AND delete_marker = 0 AND substr(key, 1, length(?2)) = ?2 AND last_modified <= ?3
      LIMIT ?4`,
  );
  const updateTags = database.prepare('UPDATE objects SET tags = ? WHERE rank = ?');
  const updateRetention = database.prepare('UPDATE objects SET retention = ? WHERE rank = ?');
  const updateLegalHold = database.prepare('UPDATE objects SET legal_hold = ? WHERE rank = ?');

  const found = (row: unknown) => (row === undefined ? undefined : objectVersionOf(row as Record<string, unknown>));
  const current = (bucket: string, key: string) => found(selectCurrent.get(bucket, key));
  const version = (bucket: string, key: string, versionId: string) => found(selectVersion.get(bucket, key, versionId));

  /** The row that a write without versions puts out of the way. */
  function takeUnversioned(bucket: string, key: string): ObjectVersion | undefined {
    const replaced = version(bucket, key, UNVERSIONED_ID);
    if (replaced !== undefined) deleteRank.run(replaced.rank);
    return replaced;
  }

  function insertLatest(
    bucket: BucketState,
    row: Omit<NewVersion, 'bodyId'> & { bodyId: string | null; deleteMarker: boolean },
    now: number,
  ) {
    const versionId = bucket.versioning === 'Enabled' ? newVersionId() : UNVERSIONED_ID;
    const replaced = versionId === UNVERSIONED_ID ? takeUnversioned(bucket.name, row.key) : undefined;
    unsetLatest.run(bucket.name, row.key);
    const retention = row.retention === undefined ? null : JSON.stringify(row.retention);
    const written = insert.get(
      bucket.name,
      row.key,
      versionId,
      Number(row.deleteMarker),
      row.size,
      row.etag,
      row.bodyId,
      now,
      JSON.stringify(row.attributes),
      JSON.stringify(row.tags),
      retention,
      Number(row.legalHold),
    );
    return { written: objectVersionOf(written as Record<string, unknown>), replaced };
  }

  function deleteVersion(doomed: ObjectVersion): void {
    deleteRank.run(doomed.rank);
    if (doomed.latest) promote.run(doomed.bucket, doomed.key);
  }

  return {
    current,
    version,
    put: (bucket, row, now) => insertLatest(bucket, { ...row, deleteMarker: false }, now),
    deleteCurrent(bucket, key, now) {
      if (bucket.versioning === undefined) {
        const removed = current(bucket.name, key);
        if (removed !== undefined) deleteVersion(removed);
        return { removed, marker: undefined };
      }
      const { written, replaced } = insertLatest(
        bucket,
        { ...emptyVersion(bucket.name, key), deleteMarker: true },
        now,
      );
      return { removed: replaced, marker: written };
    },
    deleteVersion,
    setTags: (row, tags) => void updateTags.run(JSON.stringify(tags), row.rank),
    setRetention: (row, retention) =>
      void updateRetention.run(retention === undefined ? null : JSON.stringify(retention), row.rank),
    setLegalHold: (row, hold) => void updateLegalHold.run(Number(hold), row.rank),
    isBodyNamed: (bodyId) => selectBody.get(bodyId) !== undefined,
    noncurrentSince: (...parameters) => selectNoncurrent.all(...parameters).map(objectVersionOf),
    currentSince: (...parameters) => selectOld.all(...parameters).map(objectVersionOf),
    isBucketEmpty: (bucket) => selectAny.get(bucket) === undefined,
  };
}

function emptyVersion(bucket: string, key: string): Omit<NewVersion, 'bodyId'> & { bodyId: null } {
  const attributes = { headers: {}, metadata: {}, encryption: { algorithm: 'AES256' } } as const;
  return {
    bucket,
    key,
    size: 0,
    etag: EMPTY_ETAG,
    bodyId: null,
    attributes,
    tags: {},
    retention: undefined,
    legalHold: false,
  };
}

/** 32 URL-safe characters, as S3's own. */
function newVersionId(): string {
  return randomBytes(24).toString('base64url');
}
