import type { Checksum } from './checksums.ts';
import type { RetentionMode } from './settings.ts';

/** Everything a version carries besides its bytes and place; fixed when it is written. */
export interface ObjectAttributes {
  /** Content-Type and its kin, lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** `x-amz-meta-*` without the prefix. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly encryption: Encryption;
  readonly checksum?: Checksum;
  /** Sizes of the parts of a multipart object, in order. */
  readonly partSizes?: readonly number[];
}

export interface Encryption {
  readonly algorithm: 'AES256' | 'aws:kms';
  readonly kmsKeyArn?: string;
  readonly bucketKey?: boolean;
}

export interface Retention {
  readonly mode: RetentionMode;
  /** Milliseconds since 1970. */
  readonly until: number;
}

export type Tags = Readonly<Record<string, string>>;

/** What a writer brings; the store adds rank and version id. */
export interface NewVersion {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  readonly bodyId: string;
  readonly attributes: ObjectAttributes;
  readonly tags: Tags;
  readonly retention: Retention | undefined;
  readonly legalHold: boolean;
}

/** One row of a key's history. A delete marker has no body. */
export interface ObjectVersion extends Omit<NewVersion, 'bodyId'> {
  /** Grows with each write of the process's whole life. */
  readonly rank: number;
  /** `null` in buckets that do not keep versions. */
  readonly versionId: string;
  readonly latest: boolean;
  readonly deleteMarker: boolean;
  readonly bodyId: string | undefined;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

export const UNVERSIONED_ID = 'null';

export function objectVersionOf(row: Record<string, unknown>): ObjectVersion {
  return {
    rank: row.rank as number,
    bucket: row.bucket as string,
    key: row.key as string,
    versionId: row.version_id as string,
    latest: row.latest === 1,
    deleteMarker: row.delete_marker === 1,
    size: row.size as number,
    etag: row.etag as string,
    bodyId: (row.body_id as string | null) ?? undefined,
    lastModified: row.last_modified as number,
    attributes: JSON.parse(row.attributes as string) as ObjectAttributes,
    tags: JSON.parse(row.tags as string) as Tags,
    retention: row.retention === null ? undefined : (JSON.parse(row.retention as string) as Retention),
    legalHold: row.legal_hold === 1,
  };
}
