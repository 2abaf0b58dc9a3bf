import type { Db } from '../core/database.ts';
import { DocumentError } from '../core/document-errors.ts';
import { quotaExceeded, type WorkspaceQuotas } from '../limits/quotas.ts';
import { holdStored } from '../limits/stored-amounts.ts';
import type { ClaimedVersion } from './claim-version.ts';
import { failVersion } from './fail-version.ts';
import type { SplitVersion } from './store-ahead.ts';

interface SplitClaim extends ClaimedVersion {
  readonly split: SplitVersion;
}

/** What all workers together could store before they see each other's rows. Closer to a limit than this, they take turns. */
const chunksAtOnce = 1_000_000;

/**
 * Fails the versions that exceed a workspace's quotas with `quota_exceeded`: too many chunks, or a document that was refused before and is
 * tried again. The room for the others is reserved until this transaction ends.
 * @returns those that may be stored
 */
export async function failBeyondQuotas<Claim extends SplitClaim>(
  db: Db,
  workspaceId: string,
  claims: readonly Claim[],
  quotas: WorkspaceQuotas,
  now: Date,
): Promise<readonly Claim[]> {
  const { chunks: mostChunks = null, documents: mostDocuments = null } = quotas.limits;
  if (mostChunks === null && mostDocuments === null) return claims;
  // Documents were counted when they were accepted, except those that failed then.
  if (mostChunks === null && claims.every(({ attempt }) => attempt === 1)) return claims;
  const state = await holdStored(
    db,
    workspaceId,
    'chunks',
    ({ chunks }) => mostChunks !== null && chunks + chunksAtOnce > mostChunks,
  );
  const admitted: Claim[] = [];
  let used = state.chunks;
  for (const claim of claims) {
    const wanted = claim.split.areStored ? 0 : claim.split.chunks.length;
    const documents = state.byCollection.get(claim.collectionId)?.documents ?? 0;
    const beyond =
      mostChunks !== null && used + wanted > mostChunks
        ? quotaExceeded('chunks', { used, limit: mostChunks, wanted, now })
        : mostDocuments !== null && claim.attempt > 1 && documents > mostDocuments
          ? quotaExceeded('documents', { used: documents - 1, limit: mostDocuments, wanted: 1, now })
          : undefined;
    if (beyond) await failVersion(db, claim, new DocumentError('quota_exceeded', beyond.message));
    else {
      used += wanted;
      admitted.push(claim);
    }
  }
  if (mostChunks !== null) quotas.noticed('chunks', used);
  return admitted;
}
