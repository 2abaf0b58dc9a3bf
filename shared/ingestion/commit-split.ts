import type { Db } from '../core/database.ts';
import { noQuotas, type WorkspaceQuotas } from '../limits/quotas.ts';
import { failBeyondQuotas } from './admit-chunks.ts';
import type { ClaimedVersion } from './claim-version.ts';
import { finishVersions, type SearchedSpaces } from './finish-versions.ts';
import { passFence } from './pass-fence.ts';
import { removeUnplacedChunks, rowsAtOnce } from './remove-versions.ts';
import type { VersionKey } from './set-version-status.ts';
import { type Chunk, splitterVersion } from './split.ts';
import type { SplitVersion } from './store-ahead.ts';
import { type OwnedChunk, slicesOf, storeChunks } from './store-chunks.ts';

/** It became ready at once, has chunks to embed, came too late, or exceeds the workspace's quota. */
export type SplitOutcome = 'ready' | 'to_embed' | 'fenced' | 'failed';

/** A version that was read and split by the worker that claimed it. */
export interface SplitClaim extends ClaimedVersion {
  readonly contentHash: Uint8Array;
  readonly split: SplitVersion;
}

/**
 * Stores the split of some versions of one workspace (no document twice) in one transaction: placements, new chunks, pending
 * embeddings in the model's space, and counts. A version without pending embeddings becomes live here. All versions
 * at once, because the number of statements dominates the cost of a small document.
 * @returns by document
 */
export async function commitSplits(
  db: Db,
  workspaceId: string,
  spaces: SearchedSpaces,
  claims: readonly SplitClaim[],
  quotas: WorkspaceQuotas = noQuotas,
): Promise<ReadonlyMap<string, SplitOutcome>> {
  const outcomes = new Map<string, SplitOutcome>(claims.map(({ documentId }) => [documentId, 'fenced']));
  const fenced = await passFence(db, claims);
  if (fenced.length === 0) return outcomes;
  const open = await failBeyondQuotas(db, workspaceId, fenced, quotas, new Date());
  for (const { documentId } of fenced) outcomes.set(documentId, 'failed');
  if (open.length === 0) return outcomes;
  await removePlacements(
    db,
    workspaceId,
    open.filter((claim) => claim.attempt > 1),
  );
  await storeChunks(db, workspaceId, chunksOf(open));
  for (const claim of open) if (claim.split.areStored && claim.claims > 1) await removeLeftTexts(db, claim);
  const [firsts, others] = [open.filter(isFirst), open.filter((claim) => !isFirst(claim))];
  const purchases = new Map([
    ...(await addAllPending(db, workspaceId, spaces, firsts)),
    ...(await addPending(db, workspaceId, spaces, others)),
  ]);
  await setCounts(db, workspaceId, open, purchases);
  const complete = open.filter(({ documentId }) => purchases.get(documentId)?.missing === 0);
  for (const { documentId } of open) outcomes.set(documentId, 'to_embed');
  for (const { documentId } of complete) outcomes.set(documentId, 'ready');
  if (complete.length > 0) {
    const documentIds = complete.map((claim) => claim.documentId);
    await finishVersions(db, workspaceId, spaces, documentIds);
  }
  return outcomes;
}

function* chunksOf(claims: readonly SplitClaim[]): Generator<OwnedChunk> {
  for (const owner of claims) {
    const { chunks, areStored } = owner.split;
    const mayBeKnown = areStored || owner.version > 1 || owner.attempt > 1;
    for (const chunk of chunks) yield { owner, chunk, mayBeKnown };
  }
}

/** The first attempt at the first version: none of its chunks can have a vector, or be pending, yet. */
const isFirst = ({ version, attempt }: ClaimedVersion): boolean => version === 1 && attempt === 1;

/** Removes the placements of an earlier attempt: this attempt's splitter may cut elsewhere. */
async function removePlacements(db: Db, workspaceId: string, claims: readonly VersionKey[]): Promise<void> {
  for (const { documentId, version } of claims)
    await db.query('DELETE FROM dbrag.placements WHERE workspace_id = $1 AND document_id = $2 AND version = $3', [
      workspaceId,
      documentId,
      version,
    ]);
}

/** Removes texts that a worker stored ahead before it died, if the splitter of a later deploy cuts elsewhere. */
async function removeLeftTexts(db: Db, claim: SplitClaim): Promise<void> {
  let left = rowsAtOnce;
  while (left === rowsAtOnce) left = await removeUnplacedChunks(db, claim);
}

interface Purchases {
  readonly reused: number;
  readonly missing: number;
}

interface Wanted {
  readonly claim: SplitClaim;
  readonly chunk: Chunk;
}

/** Rows per statement: the parameters of 90,000 took 60 MB. */
const purchasesAtOnce = 4_096;

/** For documents of which every text must be embedded: no look-ups. */
async function addAllPending(
  db: Db,
  workspaceId: string,
  { model }: SearchedSpaces,
  claims: readonly SplitClaim[],
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

function* distinctTexts(claims: readonly SplitClaim[]): Generator<Wanted> {
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
 * Pending embeddings, by document. A chunk with a vector in the fallback space is not missing, since it is found there, but is
 * pending all the same. All look-ups are deliberately sub-queries that cannot become joins: joins are planned by statistics that know
 * nothing of rows written a moment ago, and two nested scans of 3,600 chunks took 4 s (of 67,000: an hour). The model is inside an
 * expression so that the index by space does not apply: it looks as selective, but would scan all vectors of the workspace for each chunk.
 */
async function addPending(
  db: Db,
  workspaceId: string,
  { model, fallback }: SearchedSpaces,
  claims: readonly SplitClaim[],
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
         DO UPDATE SET priority = excluded.priority, attempt = excluded.attempt, tries = 0, fallback_model = excluded.fallback_model,
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

async function setCounts(
  db: Db,
  workspaceId: string,
  claims: readonly SplitClaim[],
  purchases: ReadonlyMap<string, Purchases>,
): Promise<void> {
  await db.query(
    `UPDATE dbrag.document_versions v
     SET content_hash = s.content_hash, splitter_version = $8, chunks = s.chunks, tokens = s.tokens, embedded = 0, reused = s.reused
     FROM unnest($2::uuid[], $3::int[], $4::bytea[], $5::int[], $6::bigint[], $7::int[])
       AS s (document_id, version, content_hash, chunks, tokens, reused)
     WHERE v.workspace_id = $1 AND v.document_id = ANY($2::uuid[]) AND v.document_id = s.document_id AND v.version = s.version`,
    [
      workspaceId,
      claims.map((claim) => claim.documentId),
      claims.map((claim) => claim.version),
      claims.map((claim) => claim.contentHash),
      claims.map(({ split }) => split.chunks.length),
      claims.map(({ split }) => split.chunks.reduce((sum, chunk) => sum + chunk.tokenCount, 0)),
      claims.map(({ documentId }) => purchases.get(documentId)?.reused ?? 0),
      String(splitterVersion),
    ],
  );
}
