import { Conditions } from '../core/conditions.ts';
import type { Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';
import type { Failure } from '../jobs/jobs.ts';

export type DocumentStatus =
  | 'awaiting_upload'
  | 'queued'
  | 'processing'
  | 'ready'
  | 'failed'
  | 'cancelled'
  | 'deleting';

/** A document with the counts of its newest version. */
export interface Document {
  readonly id: string;
  readonly collection_id: string;
  readonly name: string;
  readonly source_uri: string | null;
  readonly content_type: string | null;
  readonly bytes: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: DocumentStatus;
  readonly version: number;
  readonly live_version: number | null;
  readonly error: Failure | null;
  readonly chunks: number;
  readonly embedded: number;
  readonly reused: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

const selectDocument = `
  SELECT d.id, d.collection_id, d.name, d.source_uri, d.content_type, d.bytes::float8 AS bytes, d.metadata, d.status, d.version, d.live_version,
         d.error, coalesce(v.chunks, 0) AS chunks, coalesce(v.embedded, 0) AS embedded, coalesce(v.reused, 0) AS reused,
         d.created_at, d.updated_at
  FROM dbrag.documents d
  LEFT JOIN dbrag.document_versions v ON v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.version`;

/** @throws not_found */
export async function getDocument(db: Db, workspaceId: string, id: string): Promise<Document> {
  const { rows } = await db.query<Document>(`${selectDocument} WHERE d.workspace_id = $1 AND d.id = $2`, [
    workspaceId,
    id,
  ]);
  if (!rows[0]) throw notFound('document');
  return rows[0];
}

export async function listDocuments(
  db: Db,
  workspaceId: string,
  filter: { collectionId?: string | undefined; status?: DocumentStatus | undefined },
  { limit, after }: PageRequest,
): Promise<Page<Document>> {
  const conditions = new Conditions([workspaceId, limit], 'd.workspace_id = $1');
  conditions.where((place) => `d.collection_id = ${place}`, filter.collectionId);
  conditions.where((place) => `d.status = ${place}`, filter.status);
  conditions.where(
    (place) =>
      `(d.created_at, d.id) < (SELECT a.created_at, a.id FROM dbrag.documents a WHERE a.workspace_id = $1 AND a.id = ${place})`,
    after,
  );
  const { rows } = await db.query<Document>(
    `${selectDocument} WHERE ${conditions} ORDER BY d.created_at DESC, d.id DESC LIMIT $2 + 1`,
    conditions.values,
  );
  return pageOf(rows, limit);
}

/** Renames or relabels without a new version: text and vectors stay. @throws not_found */
export async function updateDocument(
  db: Db,
  workspaceId: string,
  id: string,
  change: { name?: string | undefined; metadata?: object | undefined },
): Promise<Document> {
  const { count } = await db.query(
    `UPDATE dbrag.documents SET name = coalesce($3, name), metadata = coalesce($4, metadata), updated_at = now()
     WHERE workspace_id = $1 AND id = $2 AND status <> 'deleting'`,
    [workspaceId, id, change.name ?? null, change.metadata ?? null],
  );
  if (count === 0) throw notFound('document');
  // Cached results show names and metadata.
  await db.query(
    `UPDATE dbrag.collections c SET generation = generation + 1
     FROM dbrag.documents d WHERE d.workspace_id = $1 AND d.id = $2 AND c.workspace_id = $1 AND c.id = d.collection_id`,
    [workspaceId, id],
  );
  return getDocument(db, workspaceId, id);
}

export interface DocumentVersion {
  readonly version: number;
  readonly status: DocumentStatus;
  readonly chunks: number;
  readonly embedded: number;
  readonly reused: number;
  readonly content_hash: Buffer | null;
  readonly s3_key: string;
  readonly s3_version_id: string | null;
  readonly content_type: string | null;
  readonly created_at: Date;
  readonly ready_at: Date | null;
  /** When its chunks were removed. */
  readonly removed_at: Date | null;
  readonly error: Failure | null;
}

/** Versions, newest first; `after` is a version number. */
export async function listVersions(
  db: Db,
  workspaceId: string,
  documentId: string,
  page: { limit: number; after?: number | undefined },
): Promise<Page<DocumentVersion>> {
  const { rows } = await db.query<DocumentVersion>(
    `SELECT version, status, chunks, embedded, reused, content_hash, s3_key, s3_version_id, content_type, created_at, ready_at, removed_at, error
     FROM dbrag.document_versions
     WHERE workspace_id = $1 AND document_id = $2 AND version < coalesce($3, 2147483647)
     ORDER BY version DESC LIMIT $4 + 1`,
    [workspaceId, documentId, page.after ?? null, page.limit],
  );
  return pageOf(rows, page.limit);
}

/** @throws not_found */
export async function getVersion(
  db: Db,
  workspaceId: string,
  documentId: string,
  version: number,
): Promise<DocumentVersion> {
  const { items } = await listVersions(db, workspaceId, documentId, { limit: 1, after: version + 1 });
  if (items[0]?.version !== version) throw notFound('version');
  return items[0];
}

export interface PlacedChunk {
  readonly id: string;
  readonly ordinal: number;
  readonly text: string;
  readonly token_count: number;
  readonly location: { page?: number; headings: string[]; start: number; end: number };
}

/** The chunks of a version in the order of the text; `after` is the ordinal of the last one seen. */
export async function listChunks(
  db: Db,
  workspaceId: string,
  documentId: string,
  version: number,
  page: { limit: number; after?: number | undefined },
): Promise<Page<PlacedChunk>> {
  const { rows } = await db.query<PlacedChunk>(
    `SELECT c.id, p.ordinal, c.text, c.token_count, p.location
     FROM dbrag.placements p
     JOIN dbrag.chunks c ON c.workspace_id = p.workspace_id AND c.document_id = p.document_id AND c.content_hash = p.content_hash
     WHERE p.workspace_id = $1 AND p.document_id = $2 AND p.version = $3 AND p.ordinal > coalesce($4, -1)
     ORDER BY p.ordinal LIMIT $5 + 1`,
    [workspaceId, documentId, version, page.after ?? null, page.limit],
  );
  return pageOf(rows, page.limit);
}

/** The ordinal of a chunk in a version; undefined if the version does not contain it. */
export async function findOrdinal(
  db: Db,
  workspaceId: string,
  documentId: string,
  version: number,
  chunkId: string,
): Promise<number | undefined> {
  const { rows } = await db.query<{ ordinal: number }>(
    `SELECT max(p.ordinal) AS ordinal FROM dbrag.placements p
     JOIN dbrag.chunks c ON c.workspace_id = p.workspace_id AND c.document_id = p.document_id AND c.content_hash = p.content_hash
     WHERE p.workspace_id = $1 AND p.document_id = $2 AND p.version = $3 AND c.id = $4`,
    [workspaceId, documentId, version, chunkId],
  );
  return rows[0]?.ordinal ?? undefined;
}
