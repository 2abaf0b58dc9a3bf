import type { Db } from '../core/database.ts';
import { referenceLength } from './reference-length.ts';
import type { VersionKey } from './set-version-status.ts';
import type { Chunk } from './split.ts';

export interface ChunkOwner extends VersionKey {
  readonly workspaceId: string;
  readonly collectionId: string;
}

/** Chunks sent at a time: about 1.6 MB of text. */
const chunksPerStatement = 1_000;

/** A chunk of a document. */
export interface OwnedChunk {
  readonly owner: ChunkOwner;
  readonly chunk: Chunk;
  /** False for a document's first attempt at its first version: nothing to look up. */
  readonly mayBeKnown: boolean;
}

/**
 * Writes placements, and the chunks that their documents do not have yet, slice by slice: of documents of any size only one slice
 * is in memory. All are of one workspace.
 */
export async function storeChunks(db: Db, workspaceId: string, chunks: Iterable<OwnedChunk>): Promise<void> {
  for (const slice of slicesOf(chunks, chunksPerStatement))
    await Promise.all([insertPlacements(db, workspaceId, slice), storeTexts(db, workspaceId, slice)]);
}

/** Writes the chunks of a slice that their documents do not have yet, without saying where they stand. */
export async function storeTexts(db: Db, workspaceId: string, slice: readonly OwnedChunk[]): Promise<void> {
  const known = await knownChunks(
    db,
    workspaceId,
    slice.filter((owned) => owned.mayBeKnown),
  );
  const fresh = new Map(slice.map((owned) => [keyOf(owned), owned]));
  for (const key of known) fresh.delete(key);
  if (fresh.size > 0) await insertChunks(db, workspaceId, [...fresh.values()]);
}

async function insertPlacements(db: Db, workspaceId: string, slice: readonly OwnedChunk[]): Promise<void> {
  await db.query(
    `INSERT INTO dbrag.placements (workspace_id, document_id, version, collection_id, ordinal, content_hash, location)
     SELECT $1, * FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::int[], $6::bytea[], $7::jsonb[])`,
    [
      workspaceId,
      slice.map(({ owner }) => owner.documentId),
      slice.map(({ owner }) => owner.version),
      slice.map(({ owner }) => owner.collectionId),
      slice.map(({ chunk }) => chunk.ordinal),
      slice.map(({ chunk }) => chunk.contentHash),
      slice.map(({ chunk }) => JSON.stringify(chunk.location)),
    ],
  );
}

async function insertChunks(db: Db, workspaceId: string, slice: readonly OwnedChunk[]): Promise<void> {
  const texts = slice.map(({ chunk }) => chunk);
  const reference = await referenceLength(db, workspaceId, texts);
  await db.query(
    `INSERT INTO dbrag.chunks (workspace_id, document_id, collection_id, content_hash, token_count, language, text, search, terms)
     SELECT $1, f.document_id, f.collection_id, f.content_hash, f.token_count, f.language, f.text, s.search, w.terms
     FROM unnest($2::uuid[], $3::uuid[], $4::bytea[], $5::int[], $6::text[], $7::text[])
       AS f (document_id, collection_id, content_hash, token_count, text, language)
     CROSS JOIN LATERAL (SELECT to_tsvector(f.language::regconfig, f.text) AS search OFFSET 0) AS s
     CROSS JOIN LATERAL dbrag.term_weights(s.search, $8::real) AS w
     ON CONFLICT (workspace_id, document_id, content_hash) DO NOTHING`,
    [
      workspaceId,
      slice.map(({ owner }) => owner.documentId),
      slice.map(({ owner }) => owner.collectionId),
      texts.map(({ contentHash }) => contentHash),
      texts.map(({ tokenCount }) => tokenCount),
      texts.map(({ text }) => text),
      texts.map(({ language }) => language),
      reference,
    ],
  );
}

/** A scalar sub-query, so that each is one look at the index whatever the planner knows of rows written a moment ago. */
async function knownChunks(db: Db, workspaceId: string, slice: readonly OwnedChunk[]): Promise<string[]> {
  if (slice.length === 0) return [];
  const { rows } = await db.query<{ document_id: string; content_hash: Buffer }>(
    `SELECT asked.document_id, asked.content_hash FROM unnest($2::uuid[], $3::bytea[]) AS asked (document_id, content_hash)
     WHERE (SELECT true FROM dbrag.chunks c
       WHERE c.workspace_id = $1 AND c.document_id = asked.document_id AND c.content_hash = asked.content_hash)`,
    [workspaceId, slice.map(({ owner }) => owner.documentId), slice.map(({ chunk }) => chunk.contentHash)],
  );
  return rows.map((row) => `${row.document_id} ${row.content_hash.toString('hex')}`);
}

function keyOf({ owner, chunk }: OwnedChunk): string {
  return `${owner.documentId} ${chunk.contentHash.toString('hex')}`;
}

export function* slicesOf<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let slice: T[] = [];
  for (const item of items) {
    slice.push(item);
    if (slice.length === size) {
      yield slice;
      slice = [];
    }
  }
  if (slice.length > 0) yield slice;
}
