import type { Db } from '../core/database.ts';
import { noQuotas, type WorkspaceQuotas } from '../limits/quotas.ts';
import { addPending, type Purchases } from './add-pending.ts';
import { failBeyondQuotas } from './admit-chunks.ts';
import type { ClaimedVersion } from './claim-version.ts';
import { finishVersions, type SearchedSpaces } from './finish-versions.ts';
import { passFence } from './pass-fence.ts';
import { removeUnplacedChunks, rowsAtOnce } from './remove-versions.ts';
import type { VersionKey } from './set-version-status.ts';
import { splitterVersion } from './split.ts';
import type { SplitVersion } from './store-ahead.ts';
import { type OwnedChunk, storeChunks } from './store-chunks.ts';

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
  const purchases = await addPending(db, workspaceId, spaces, open);
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
