import type { Db } from '../core/database.ts';
import { DocumentError } from '../core/document-errors.ts';
import type { ClaimedVersion } from './claim-version.ts';
import { finishVersions, type SearchedSpaces } from './finish-versions.ts';
import { passFence } from './pass-fence.ts';
import { splitterVersion } from './split.ts';
import type { SplitVersion } from './store-ahead.ts';
import { storeChunks } from './store-chunks.ts';

/** Became ready at once, has chunks to embed, or came too late. */
export type SplitOutcome = 'ready' | 'to_embed' | 'fenced';

/**
 * Stores what a version is made of, in one transaction: placements, the chunks that are new, what is still to buy in the model's
 * space, and the counts. Where nothing is to buy, the version becomes live here.
 * @throws DocumentError no_text_found
 */
export async function commitSplit(
  db: Db,
  claim: ClaimedVersion,
  spaces: SearchedSpaces,
  contentHash: Uint8Array,
  { chunks, areStored }: SplitVersion,
): Promise<SplitOutcome> {
  if (!(await passFence(db, claim))) return 'fenced';
  if (claim.attempt > 1) await removePlacements(db, claim);
  const mayKnowSome = areStored || claim.version > 1 || claim.attempt > 1;
  const stored = await storeChunks(db, claim, chunks, mayKnowSome);
  if (stored.chunks === 0) throw new DocumentError('no_text_found', 'The file holds no text.');
  const pending = await addPending(db, claim, spaces);
  await db.query(
    `UPDATE dbrag.document_versions SET content_hash = $4, splitter_version = $5, chunks = $6, tokens = $7, embedded = 0, reused = $8
     WHERE workspace_id = $1 AND document_id = $2 AND version = $3`,
    [
      claim.workspaceId,
      claim.documentId,
      claim.version,
      contentHash,
      String(splitterVersion),
      stored.chunks,
      stored.tokens,
      pending.reused,
    ],
  );
  if (pending.missing > 0) return 'to_embed';
  await finishVersions(db, claim.workspaceId, spaces, [claim.documentId]);
  return 'ready';
}

/** What an earlier attempt placed: this attempt's splitter may cut in other places. */
async function removePlacements(db: Db, claim: ClaimedVersion): Promise<void> {
  await db.query('DELETE FROM dbrag.placements WHERE workspace_id = $1 AND document_id = $2 AND version = $3', [
    claim.workspaceId,
    claim.documentId,
    claim.version,
  ]);
}

/**
 * What is still to buy. What has a vector in the fallback space is not missing: it is found there, and bought all the same. All look-ups are scalar sub-queries on purpose: as joins they are planned by statistics that know nothing of
 * rows written a moment ago, and two nested scans of 3,600 chunks took 4 s (of 67,000: an hour).
 */
async function addPending(
  db: Db,
  claim: ClaimedVersion,
  { model, fallback }: SearchedSpaces,
): Promise<{ readonly reused: number; readonly missing: number }> {
  const { rows } = await db.query<{ reused: number; missing: number }>(
    `WITH placed AS MATERIALIZED (
       SELECT DISTINCT content_hash FROM dbrag.placements WHERE workspace_id = $1 AND document_id = $2 AND version = $3
     ), missing AS MATERIALIZED (
       SELECT content_hash FROM placed
       WHERE (SELECT true FROM dbrag.embeddings e
         WHERE e.workspace_id = $1 AND e.document_id = $2 AND e.content_hash = placed.content_hash AND e.model = $4) IS NULL
     ), wanted AS MATERIALIZED (
       SELECT content_hash, (SELECT e.model FROM dbrag.embeddings e
         WHERE e.workspace_id = $1 AND e.document_id = $2 AND e.content_hash = missing.content_hash AND e.model = $8) AS fallback_model
       FROM missing
     ), added AS (
       INSERT INTO dbrag.pending_embeddings AS b
         (workspace_id, document_id, content_hash, model, collection_id, priority, attempt, fallback_model, token_count)
       SELECT $1, $2, wanted.content_hash, $4, $5, $6, $7, wanted.fallback_model,
         (SELECT c.token_count FROM dbrag.chunks c
          WHERE c.workspace_id = $1 AND c.document_id = $2 AND c.content_hash = wanted.content_hash)
       FROM wanted
       ON CONFLICT (workspace_id, document_id, content_hash, model)
         DO UPDATE SET priority = excluded.priority, attempt = excluded.attempt, tries = 0, fallback_model = excluded.fallback_model,
           leased_until = CASE WHEN b.leased_until < 'infinity' THEN b.leased_until END
     )
     SELECT (SELECT count(*) FROM placed)::int - count(*)::int AS reused, count(*)::int AS missing
     FROM wanted WHERE fallback_model IS NULL`,
    [
      claim.workspaceId,
      claim.documentId,
      claim.version,
      model,
      claim.collectionId,
      claim.priority,
      claim.attempt,
      fallback ?? null,
    ],
  );
  return rows[0] ?? { reused: 0, missing: 0 };
}
