import type { Db } from '../core/database.ts';
import type { ClaimedVersion } from './claim-version.ts';
import type { SearchedSpaces } from './finish-versions.ts';
import type { Chunk } from './split.ts';
import type { SplitVersion } from './store-ahead.ts';
import { slicesOf } from './store-chunks.ts';

/** How many of a version's distinct texts have a vector, and how many still need one. */
export interface Purchases {
  readonly reused: number;
  readonly missing: number;
}

/** A version whose placements and chunks are stored. */
interface StoredVersion extends ClaimedVersion {
  readonly split: SplitVersion;
}

interface Wanted {
  readonly claim: StoredVersion;
  readonly chunk: Chunk;
}

/** Rows per statement: the parameters of 90,000 took 60 MB. */
const purchasesAtOnce = 4_096;

/**
 * Writes the pending embeddings of some versions of one workspace (no document twice).
 * @returns by document
 */
export async function addPending(
  db: Db,
  workspaceId: string,
  spaces: SearchedSpaces,
  claims: readonly StoredVersion[],
): Promise<ReadonlyMap<string, Purchases>> {
  const [firsts, others] = [claims.filter(isFirst), claims.filter((claim) => !isFirst(claim))];
  return new Map([
    ...(await addEveryText(db, workspaceId, spaces, firsts)),
    ...(await addMissingTexts(db, workspaceId, spaces, others)),
  ]);
}

/** The first attempt at the first version: none of its chunks can have a vector, or be pending, yet. */
const isFirst = ({ version, attempt }: ClaimedVersion): boolean => version === 1 && attempt === 1;

/** For documents of which every text must be embedded: no look-ups. */
async function addEveryText(
  db: Db,
  workspaceId: string,
  { model }: SearchedSpaces,
  claims: readonly StoredVersion[],
): Promise<ReadonlyMap<string, Purchases>> {
  const purchases = new Map<string, Purchases>();
  for (const slice of slicesOf(distinctTexts(claims), purchasesAtOnce)) {
    await insertPending(db, workspaceId, model, slice);
    for (const { claim } of slice) {
      const missing = (purchases.get(claim.documentId)?.missing ?? 0) + 1;
      purchases.set(claim.documentId, { reused: 0, missing });
    }
  }
  return purchases;
}

function* distinctTexts(claims: readonly StoredVersion[]): Generator<Wanted> {
  for (const claim of claims) {
    const seen = new Set<string>();
    for (const chunk of claim.split.chunks) {
      const hash = chunk.contentHash.toString('latin1');
      if (!seen.has(hash)) yield { claim, chunk };
      seen.add(hash);
    }
  }
}

async function insertPending(db: Db, workspaceId: string, model: string, wanted: readonly Wanted[]): Promise<void> {
  await db.query(
    `INSERT INTO dbrag.pending_embeddings (workspace_id, model, document_id, content_hash, collection_id, priority, token_count)
     SELECT $1, $2, * FROM unnest($3::uuid[], $4::bytea[], $5::uuid[], $6::text[], $7::int[])`,
    [
      workspaceId,
      model,
      wanted.map(({ claim }) => claim.documentId),
      wanted.map(({ chunk }) => chunk.contentHash),
      wanted.map(({ claim }) => claim.collectionId),
      wanted.map(({ claim }) => claim.priority),
      wanted.map(({ chunk }) => chunk.tokenCount),
    ],
  );
}

/**
 * For documents that may have vectors already. A chunk with a vector in the fallback space is not missing, since it is found there, but is
 * pending all the same. All look-ups are deliberately sub-queries that cannot become joins: joins are planned by statistics that know
 * nothing of rows written a moment ago, and two nested scans of 3,600 chunks took 4 s (of 67,000: an hour). The model is inside an
 * expression so that the index by space does not apply: it looks as selective, but would scan all vectors of the workspace for each chunk.
 */
async function addMissingTexts(
  db: Db,
  workspaceId: string,
  { model, fallback }: SearchedSpaces,
  claims: readonly StoredVersion[],
): Promise<ReadonlyMap<string, Purchases>> {
  if (claims.length === 0) return new Map();
  const { rows } = await db.query<Purchases & { document_id: string }>(
    `WITH placed AS MATERIALIZED (
       SELECT asked.*, p.content_hash
       FROM unnest($3::uuid[], $4::int[], $5::uuid[], $6::text[], $7::int[])
         AS asked (document_id, version, collection_id, priority, attempt)
       CROSS JOIN LATERAL (
         SELECT DISTINCT content_hash FROM dbrag.placements
         WHERE workspace_id = $1 AND document_id = asked.document_id AND version = asked.version OFFSET 0) p
     ), missing AS MATERIALIZED (
       SELECT * FROM placed
       WHERE (SELECT true FROM dbrag.embeddings e WHERE e.workspace_id = $1 AND e.document_id = placed.document_id
         AND e.content_hash = placed.content_hash AND e.model || '' = $2) IS NULL
     ), wanted AS MATERIALIZED (
       SELECT missing.*, (SELECT e.model FROM dbrag.embeddings e WHERE e.workspace_id = $1 AND e.document_id = missing.document_id
         AND e.content_hash = missing.content_hash AND e.model || '' = $8) AS fallback_model
       FROM missing
     ), added AS (
       INSERT INTO dbrag.pending_embeddings AS b
         (workspace_id, document_id, content_hash, model, collection_id, priority, attempt, fallback_model, token_count)
       SELECT $1, w.document_id, w.content_hash, $2, w.collection_id, w.priority, w.attempt, w.fallback_model,
         (SELECT c.token_count FROM dbrag.chunks c
          WHERE c.workspace_id = $1 AND c.document_id = w.document_id AND c.content_hash = w.content_hash)
       FROM wanted w
       ON CONFLICT (workspace_id, document_id, content_hash, model)
         DO UPDATE SET priority = excluded.priority, attempt = excluded.attempt, tries = 0, failures = least(b.failures, 1),
           fallback_model = excluded.fallback_model,
           leased_until = CASE WHEN b.leased_until < 'infinity' THEN b.leased_until END
     ), lacking AS (
       SELECT document_id, count(*)::int AS missing FROM wanted WHERE fallback_model IS NULL GROUP BY document_id
     )
     SELECT p.document_id, count(*)::int - coalesce(max(l.missing), 0) AS reused, coalesce(max(l.missing), 0) AS missing
     FROM placed p LEFT JOIN lacking l ON l.document_id = p.document_id GROUP BY p.document_id`,
    [
      workspaceId,
      model,
      claims.map((claim) => claim.documentId),
      claims.map((claim) => claim.version),
      claims.map((claim) => claim.collectionId),
      claims.map((claim) => claim.priority),
      claims.map((claim) => claim.attempt),
      fallback ?? null,
    ],
  );
  return new Map(rows.map((row) => [row.document_id, row]));
}
