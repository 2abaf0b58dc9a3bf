import type { Db } from '../core/database.ts';
import { notFound } from '../core/errors.ts';
import { newUuid } from '../core/ids.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';
import { quotaExceeded, type WorkspaceQuotas } from '../limits/quotas.ts';
import { holdAlone } from '../limits/stored-amounts.ts';

export interface Chunking {
  /** Most tokens of a chunk. */
  readonly max_tokens: number;
  /** Tokens that a chunk repeats of the one before it. */
  readonly overlap_tokens: number;
}

const defaultChunking: Chunking = { max_tokens: 400, overlap_tokens: 40 };

export interface Collection {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly chunking: Chunking;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface CollectionCounts {
  readonly documents: Readonly<Record<string, number>>;
  readonly chunks: number;
  readonly bytes: number;
  readonly tokens: number;
}

const columns = 'id, name, description, metadata, chunking, created_at, updated_at';

export async function createCollection(
  db: Db,
  workspaceId: string,
  input: {
    name: string;
    description?: string | undefined;
    metadata?: object | undefined;
    chunking?: Chunking | undefined;
  },
): Promise<Collection> {
  const { rows } = await db.query<Collection>(
    `INSERT INTO dbrag.collections (workspace_id, id, name, description, metadata, chunking)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${columns}`,
    [
      workspaceId,
      newUuid(),
      input.name,
      input.description ?? null,
      input.metadata ?? {},
      input.chunking ?? defaultChunking,
    ],
  );
  return rows[0] as Collection;
}

/** Reserves the room for one more collection until the transaction ends. @throws quota_exceeded */
export async function requireRoomForCollection(
  db: Db,
  workspaceId: string,
  quotas: WorkspaceQuotas,
  now: Date,
): Promise<void> {
  const limit = quotas.limits.collections ?? null;
  if (limit === null) return;
  await holdAlone(db, workspaceId, 'collections');
  const used = await countCollections(db, workspaceId);
  if (used >= limit) throw quotaExceeded('collections', { used, limit, wanted: 1, now });
  quotas.noticed('collections', used + 1);
}

async function countCollections(db: Db, workspaceId: string): Promise<number> {
  const { rows } = await db.query<{ used: number }>(
    `SELECT count(*)::int AS used FROM dbrag.collections WHERE workspace_id = $1 AND status = 'active'`,
    [workspaceId],
  );
  return rows[0]?.used ?? 0;
}

/** @throws not_found also for a collection that is being deleted */
export async function getCollection(db: Db, workspaceId: string, id: string): Promise<Collection> {
  const { rows } = await db.query<Collection>(
    `SELECT ${columns} FROM dbrag.collections WHERE workspace_id = $1 AND id = $2 AND status = 'active'`,
    [workspaceId, id],
  );
  if (!rows[0]) throw notFound('collection');
  return rows[0];
}

/** @throws not_found with the first id that is no collection of this workspace */
export async function requireCollections(db: Db, workspaceId: string, ids: readonly string[]): Promise<void> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.collections WHERE workspace_id = $1 AND id = ANY ($2::uuid[]) AND status = 'active'`,
    [workspaceId, ids],
  );
  if (rows.length < new Set(ids).size) throw notFound('collection');
}

export async function listCollections(
  db: Db,
  workspaceId: string,
  { limit, after }: PageRequest,
): Promise<Page<Collection>> {
  const { rows } = await db.query<Collection>(
    `SELECT ${columns} FROM dbrag.collections c
     WHERE workspace_id = $1 AND status = 'active'
       AND ($2::uuid IS NULL OR (created_at, id) < (SELECT a.created_at, a.id FROM dbrag.collections a WHERE a.workspace_id = $1 AND a.id = $2))
     ORDER BY created_at DESC, id DESC LIMIT $3 + 1`,
    [workspaceId, after ?? null, limit],
  );
  return pageOf(rows, limit);
}

/** Changes what is given and leaves the rest. @throws not_found */
export async function updateCollection(
  db: Db,
  workspaceId: string,
  id: string,
  change: { name?: string | undefined; description?: string | undefined; metadata?: object | undefined },
): Promise<Collection> {
  const { rows } = await db.query<Collection>(
    `UPDATE dbrag.collections
     SET name = coalesce($3, name), description = coalesce($4, description), metadata = coalesce($5, metadata), updated_at = now()
     WHERE workspace_id = $1 AND id = $2 AND status = 'active' RETURNING ${columns}`,
    [workspaceId, id, change.name ?? null, change.description ?? null, change.metadata ?? null],
  );
  if (!rows[0]) throw notFound('collection');
  return rows[0];
}

/** The current content of a collection: documents by status, and chunks, bytes and tokens of the searchable versions. */
export async function countCollection(db: Db, workspaceId: string, id: string): Promise<CollectionCounts> {
  const { rows } = await db.query<{ status: string; documents: string; chunks: string; bytes: string; tokens: string }>(
    `SELECT d.status, count(*) AS documents, coalesce(sum(v.chunks), 0) AS chunks,
            coalesce(sum(d.bytes), 0) AS bytes, coalesce(sum(v.tokens), 0) AS tokens
     FROM dbrag.documents d
     LEFT JOIN dbrag.document_versions v
       ON v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.live_version
     WHERE d.workspace_id = $1 AND d.collection_id = $2
     GROUP BY d.status`,
    [workspaceId, id],
  );
  const documents: Record<string, number> = {
    awaiting_upload: 0,
    queued: 0,
    processing: 0,
    ready: 0,
    failed: 0,
    cancelled: 0,
    deleting: 0,
  };
  const totals = { chunks: 0, bytes: 0, tokens: 0 };
  for (const row of rows) {
    documents[row.status] = Number(row.documents);
    totals.chunks += Number(row.chunks);
    totals.bytes += Number(row.bytes);
    totals.tokens += Number(row.tokens);
  }
  return { documents, ...totals };
}
