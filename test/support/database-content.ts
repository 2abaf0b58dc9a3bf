import { createHash, randomBytes } from 'node:crypto';
import { type Database, HalfvecArray } from '../../shared/core/database.ts';
import { newUuid } from '../../shared/core/ids.ts';

export const testModel = 'text-embedding-3-small';

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** A workspace with its owner key, by the function that makes real ones. */
export async function createWorkspace(database: Database, name = 'test'): Promise<{ id: string; keyHash: Buffer }> {
  const id = newUuid();
  const keyHash = randomBytes(32);
  await database.inSystem((db) =>
    db.query('SELECT dbrag.create_workspace($1, $2, $3, $4, $5, $6)', [
      id,
      name,
      {},
      newUuid(),
      keyHash,
      'dbrag_…test',
    ]),
  );
  return { id, keyHash };
}

export async function createCollection(database: Database, workspaceId: string, name = 'collection'): Promise<string> {
  const id = newUuid();
  await database.inWorkspace({ workspaceId }, (db) =>
    db.query('INSERT INTO dbrag.collections (workspace_id, id, name, chunking) VALUES ($1, $2, $3, $4)', [
      workspaceId,
      id,
      name,
      { max_tokens: 400, overlap_tokens: 0 },
    ]),
  );
  return id;
}

export interface TestChunk {
  readonly text: string;
  readonly vector?: Float32Array;
}

export interface TestDocument {
  readonly chunks: readonly TestChunk[];
  readonly name?: string;
  readonly sourceUri?: string;
  readonly contentType?: string;
  readonly metadata?: Record<string, unknown>;
  readonly createdAt?: Date;
  readonly language?: string;
  readonly model?: string;
  /** Not swapped in: its newest version is still being processed. */
  readonly processing?: boolean;
}

/** A document of one version with its chunks placed in order, live unless it is said to be processing. */
export async function createDocument(
  database: Database,
  workspaceId: string,
  collectionId: string,
  document: TestDocument,
): Promise<string> {
  const id = newUuid();
  const status = document.processing ? 'processing' : 'ready';
  const deadline = document.processing ? new Date(Date.now() + 3_600_000) : null;
  await database.inWorkspace({ workspaceId }, async (db) => {
    await db.query(
      `INSERT INTO dbrag.documents (workspace_id, id, collection_id, name, source_uri, content_type, metadata, status, version,
         live_version, deadline_at, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, coalesce($11, now()))`,
      [
        workspaceId,
        id,
        collectionId,
        document.name ?? 'document',
        document.sourceUri ?? null,
        document.contentType ?? 'text/plain',
        document.metadata ?? {},
        status,
        document.processing ? null : 1,
        deadline,
        document.createdAt ?? null,
      ],
    );
    await db.query(
      `INSERT INTO dbrag.document_versions
         (workspace_id, document_id, version, collection_id, status, s3_key, chunks, deadline_at, ready_at)
       VALUES ($1, $2, 1, $3, $4, $5, $6, $7, CASE WHEN $4 = 'ready' THEN now() END)`,
      [workspaceId, id, collectionId, status, `content/${workspaceId}/${id}`, document.chunks.length, deadline],
    );
    const hashes = document.chunks.map((chunk) => sha256(chunk.text));
    await db.query(
      `INSERT INTO dbrag.chunks (workspace_id, document_id, content_hash, collection_id, token_count, language, text, search, terms)
       SELECT $1, $2, hash, $3, greatest(1, length(text) / 4), $6, text, search, terms
       FROM unnest($4::bytea[], $5::text[]) AS new (hash, text)
       CROSS JOIN LATERAL (SELECT to_tsvector($6::text::regconfig, text) AS search OFFSET 0) AS parsed
       CROSS JOIN LATERAL dbrag.term_weights(search, dbrag.default_length())
       ON CONFLICT DO NOTHING`,
      [
        workspaceId,
        id,
        collectionId,
        hashes,
        document.chunks.map((chunk) => chunk.text),
        document.language ?? 'english',
      ],
    );
    await db.query(
      `INSERT INTO dbrag.placements (workspace_id, document_id, version, ordinal, collection_id, content_hash, location)
       SELECT $1, $2, 1, ordinal - 1, $3, hash, jsonb_build_object('headings', '[]'::jsonb, 'start', 0, 'end', 1)
       FROM unnest($4::bytea[]) WITH ORDINALITY AS new (hash, ordinal)`,
      [workspaceId, id, collectionId, hashes],
    );
    const embedded = document.chunks.flatMap((chunk, index) =>
      chunk.vector ? [{ hash: hashes[index] as Buffer, vector: chunk.vector }] : [],
    );
    if (embedded.length === 0) return;
    await db.query(
      `INSERT INTO dbrag.embeddings (workspace_id, document_id, content_hash, model, collection_id, embedding)
       SELECT $1, $2, hash, $3, $4, embedding FROM unnest($5::bytea[], $6::halfvec[]) AS new (hash, embedding)
       ON CONFLICT DO NOTHING`,
      [
        workspaceId,
        id,
        document.model ?? testModel,
        collectionId,
        embedded.map((each) => each.hash),
        new HalfvecArray(embedded.map((each) => each.vector)),
      ],
    );
  });
  return id;
}
