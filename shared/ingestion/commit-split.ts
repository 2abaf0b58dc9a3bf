import type { Db } from '../core/database.ts';
import { DocumentError } from '../core/document-errors.ts';
import type { ClaimedVersion } from './claim-version.ts';
import { finishVersions } from './finish-versions.ts';
import { lockDocuments } from './set-version-status.ts';
import { type Chunk, splitterVersion } from './split.ts';
import { storeChunks } from './store-chunks.ts';

/** Became ready at once, has chunks to embed, or came too late. */
export type SplitOutcome = 'ready' | 'to_embed' | 'fenced';

/**
 * Stores what a version is made of, in one transaction: placements, the chunks that are new, what is still to buy in the model's
 * space, and the counts. Where nothing is to buy, the version becomes live here.
 * @param chunks is begun anew by each call: a transaction may be tried twice
 * @throws DocumentError no_text_found
 */
export async function commitSplit(
  db: Db,
  claim: ClaimedVersion,
  model: string,
  contentHash: Uint8Array,
  chunks: () => Iterable<Chunk>,
): Promise<SplitOutcome> {
  if (!(await passFence(db, claim))) return 'fenced';
  const stored = await storeChunks(db, claim, chunks(), claim.version > 1 || claim.attempt > 1);
  if (stored.chunks === 0) throw new DocumentError('no_text_found', 'The file holds no text.');
  const pending = await addPending(db, claim, model);
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
  await finishVersions(db, claim.workspaceId, model, [claim.documentId]);
  return 'ready';
}

/** Nobody else writes to the document until the end, and a worker that was overtaken, retried or deleted finds no row. */
async function passFence(db: Db, claim: ClaimedVersion): Promise<boolean> {
  const [locked, fence] = await Promise.all([
    lockDocuments(db, claim.workspaceId, [claim.documentId]),
    db.query(
      `SELECT FROM dbrag.document_versions
       WHERE workspace_id = $1 AND document_id = $2 AND version = $3 AND attempt = $4 AND status = 'processing' AND content_hash IS NULL
       FOR UPDATE`,
      [claim.workspaceId, claim.documentId, claim.version, claim.attempt],
    ),
  ]);
  if (locked.length === 0 || fence.count === 0) return false;
  // What an earlier attempt placed: this attempt's splitter may cut in other places.
  if (claim.attempt > 1)
    await db.query('DELETE FROM dbrag.placements WHERE workspace_id = $1 AND document_id = $2 AND version = $3', [
      claim.workspaceId,
      claim.documentId,
      claim.version,
    ]);
  return true;
}

async function addPending(
  db: Db,
  claim: ClaimedVersion,
  model: string,
): Promise<{ readonly reused: number; readonly missing: number }> {
  const { rows } = await db.query<{ reused: number; missing: number }>(
    `WITH placed AS (
       SELECT DISTINCT content_hash FROM dbrag.placements WHERE workspace_id = $1 AND document_id = $2 AND version = $3
     ), missing AS (
       SELECT content_hash FROM placed
       EXCEPT
       SELECT content_hash FROM dbrag.embeddings WHERE workspace_id = $1 AND document_id = $2 AND model = $4
     ), added AS (
       INSERT INTO dbrag.pending_embeddings AS b (workspace_id, document_id, content_hash, model, collection_id, priority, attempt, token_count)
       SELECT $1, $2, c.content_hash, $4, c.collection_id, $5, $6, c.token_count
       FROM missing JOIN dbrag.chunks c ON c.workspace_id = $1 AND c.document_id = $2 AND c.content_hash = missing.content_hash
       ON CONFLICT (workspace_id, document_id, content_hash, model)
         DO UPDATE SET priority = excluded.priority, attempt = excluded.attempt, tries = 0
     )
     SELECT (SELECT count(*) FROM placed)::int - count(*)::int AS reused, count(*)::int AS missing FROM missing`,
    [claim.workspaceId, claim.documentId, claim.version, model, claim.priority, claim.attempt],
  );
  return rows[0] ?? { reused: 0, missing: 0 };
}
