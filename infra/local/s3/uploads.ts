import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Checksum, ChecksumAlgorithm } from './checksums.ts';
import type { NewVersion, ObjectAttributes, Retention, Tags } from './object-version.ts';

/** What CreateMultipartUpload fixed of the object to come. */
export interface UploadAttributes extends ObjectAttributes {
  readonly checksumAlgorithm?: ChecksumAlgorithm;
  readonly checksumType?: Checksum['type'];
}

export interface Upload extends Omit<NewVersion, 'size' | 'etag' | 'bodyId' | 'attributes'> {
  readonly uploadId: string;
  readonly attributes: UploadAttributes;
  /** Milliseconds since 1970. */
  readonly initiatedAt: number;
}

export interface Part {
  readonly number: number;
  readonly size: number;
  readonly etag: string;
  readonly bodyId: string;
  readonly checksum: Checksum | undefined;
  readonly lastModified: number;
}

/** Multipart uploads that are neither completed nor aborted, and their parts. Synchronous, as `Objects`. */
export interface Uploads {
  create(upload: Omit<Upload, 'uploadId'>): Upload;
  find(bucket: string, key: string, uploadId: string): Upload | undefined;
  /** Adds a part; returns the one it replaces. */
  putPart(uploadId: string, part: Part): Part | undefined;
  /** By number. */
  parts(uploadId: string): Part[];
  /** Removes the upload and its parts' rows. */
  remove(uploadId: string): void;
  /** By key, then by start. */
  inBucket(bucket: string): Upload[];
}

export function createUploads(database: DatabaseSync): Uploads {
  const insert = database.prepare(
    'INSERT INTO uploads (upload_id, bucket, key, initiated_at, attributes, tags, retention, legal_hold) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const select = database.prepare('SELECT * FROM uploads WHERE upload_id = ? AND bucket = ? AND key = ?');
  const selectPart = database.prepare('SELECT * FROM parts WHERE upload_id = ? AND number = ?');
  const upsertPart = database.prepare('INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)');
  const selectParts = database.prepare('SELECT * FROM parts WHERE upload_id = ? ORDER BY number');
  const remove = database.prepare('DELETE FROM uploads WHERE upload_id = ?');
  const selectBucket = database.prepare('SELECT * FROM uploads WHERE bucket = ? ORDER BY key, initiated_at, upload_id');

  return {
    create(upload) {
      const uploadId = randomBytes(48).toString('base64url');
      const { bucket, key, initiatedAt, attributes, tags, retention, legalHold } = upload;
      const lock = retention === undefined ? null : JSON.stringify(retention);
      insert.run(
        uploadId,
        bucket,
        key,
        initiatedAt,
        JSON.stringify(attributes),
        JSON.stringify(tags),
        lock,
        Number(legalHold),
      );
      return { ...upload, uploadId };
    },
    find(bucket, key, uploadId) {
      const row = select.get(uploadId, bucket, key);
      return row === undefined ? undefined : uploadOf(row);
    },
    putPart(uploadId, part) {
      const replaced = selectPart.get(uploadId, part.number);
      const checksum = part.checksum === undefined ? null : JSON.stringify(part.checksum);
      upsertPart.run(uploadId, part.number, part.size, part.etag, part.bodyId, checksum, part.lastModified);
      return replaced === undefined ? undefined : partOf(replaced);
    },
    parts: (uploadId) => selectParts.all(uploadId).map(partOf),
    remove: (uploadId) => void remove.run(uploadId),
    inBucket: (bucket) => selectBucket.all(bucket).map(uploadOf),
  };
}

function uploadOf(row: Record<string, unknown>): Upload {
  return {
    uploadId: row.upload_id as string,
    bucket: row.bucket as string,
    key: row.key as string,
    initiatedAt: row.initiated_at as number,
    attributes: JSON.parse(row.attributes as string) as UploadAttributes,
    tags: JSON.parse(row.tags as string) as Tags,
    retention: row.retention === null ? undefined : (JSON.parse(row.retention as string) as Retention),
    legalHold: row.legal_hold === 1,
  };
}

function partOf(row: Record<string, unknown>): Part {
  return {
    number: row.number as number,
    size: row.size as number,
    etag: row.etag as string,
    bodyId: row.body_id as string,
    checksum: row.checksum === null ? undefined : (JSON.parse(row.checksum as string) as Checksum),
    lastModified: row.last_modified as number,
  };
}
