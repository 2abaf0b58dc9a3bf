import type { Db } from '../core/database.ts';
import type { VersionKey } from './set-version-status.ts';
import type { Chunk } from './split.ts';

export interface ChunkOwner extends VersionKey {
  readonly workspaceId: string;
  readonly collectionId: string;
}

/** Chunks sent at a time: about 1.6 MB of text. */
const chunksPerStatement = 1_000;

export interface StoredChunks {
  readonly chunks: number;
  readonly tokens: number;
}

/**
 * Writes placements, and the chunks that this document does not have yet, slice by slice: of a document of any size only one slice
 * is in memory.
 * @param mayKnowSome false for a document's first attempt at its first version: nothing to look up
 */
export async function storeChunks(
  db: Db,
  owner: ChunkOwner,
  chunks: Iterable<Chunk>,
  mayKnowSome: boolean,
): Promise<StoredChunks> {
  let count = 0;
  let tokens = 0;
  for (const slice of slicesOf(chunks, chunksPerStatement)) {
    count += slice.length;
    for (const chunk of slice) tokens += chunk.tokenCount;
    await Promise.all([insertPlacements(db, owner, slice), storeTexts(db, owner, slice, mayKnowSome)]);
  }
  return { chunks: count, tokens };
}

/** Writes the chunks of a slice that this document does not have yet, without saying where they stand. */
export async function storeTexts(
  db: Db,
  owner: ChunkOwner,
  slice: readonly Chunk[],
  mayKnowSome: boolean,
): Promise<void> {
  const known = mayKnowSome ? await knownHashes(db, owner, slice) : new Set<string>();
  const fresh = distinct(slice).filter((chunk) => !known.has(hex(chunk)));
  if (fresh.length > 0) await insertChunks(db, owner, fresh);
}

async function insertPlacements(db: Db, owner: ChunkOwner, chunks: readonly Chunk[]): Promise<void> {
  await db.query(
    `INSERT INTO dbrag.placements (workspace_id, document_id, version, collection_id, ordinal, content_hash, location)
     SELECT $1, $2, $3, $4, * FROM unnest($5::int[], $6::bytea[], $7::jsonb[])`,
    [
      owner.workspaceId,
      owner.documentId,
      owner.version,
      owner.collectionId,
      chunks.map((chunk) => chunk.ordinal),
      chunks.map((chunk) => chunk.contentHash),
      chunks.map((chunk) => JSON.stringify(chunk.location)),
    ],
  );
}

async function insertChunks(db: Db, owner: ChunkOwner, chunks: readonly Chunk[]): Promise<void> {
  await db.query(
    `INSERT INTO dbrag.chunks (workspace_id, document_id, collection_id, content_hash, token_count, language, text, search, terms)
     SELECT $1, $2, $3, f.content_hash, f.token_count, f.language, f.text, s.search, w.terms
     FROM unnest($4::bytea[], $5::int[], $6::text[], $7::text[]) AS f (content_hash, token_count, text, language)
     CROSS JOIN LATERAL (SELECT to_tsvector(f.language::regconfig, f.text) AS search OFFSET 0) AS s
     CROSS JOIN (SELECT coalesce(
       (SELECT reference_length FROM dbrag.corpus_statistics WHERE workspace_id = $1), dbrag.default_length()) AS length OFFSET 0) AS r
     CROSS JOIN LATERAL dbrag.term_weights(s.search, r.length) AS w
     ON CONFLICT (workspace_id, document_id, content_hash) DO NOTHING`,
    [
      owner.workspaceId,
      owner.documentId,
      owner.collectionId,
      chunks.map((chunk) => chunk.contentHash),
      chunks.map((chunk) => chunk.tokenCount),
      chunks.map((chunk) => chunk.text),
      chunks.map((chunk) => chunk.language),
    ],
  );
}

async function knownHashes(db: Db, owner: ChunkOwner, chunks: readonly Chunk[]): Promise<Set<string>> {
  const { rows } = await db.query<{ content_hash: Buffer }>(
    'SELECT content_hash FROM dbrag.chunks WHERE workspace_id = $1 AND document_id = $2 AND content_hash = ANY($3::bytea[])',
    [owner.workspaceId, owner.documentId, chunks.map((chunk) => chunk.contentHash)],
  );
  return new Set(rows.map((row) => row.content_hash.toString('hex')));
}

function distinct(chunks: readonly Chunk[]): Chunk[] {
  return [...new Map(chunks.map((chunk) => [hex(chunk), chunk])).values()];
}

function hex(chunk: Chunk): string {
  return chunk.contentHash.toString('hex');
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
