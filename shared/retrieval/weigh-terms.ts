import type { Database, Db } from '../core/database.ts';

/** Chunks weighed in one transaction: about 0.1 s. */
const chunksAtOnce = 1_000;
/** The average length may be this many times the reference, or the reference of it, before all chunks are weighed anew. */
const tolerated = 1.5;
/** While documents are coming, this many times: what is weighed in the middle of a load may have to be weighed again at its end. */
const toleratedMeanwhile = 2;
/** An average of fewer says little. */
const fewestChunks = 100;

const start = '00000000-0000-0000-0000-000000000000';

/**
 * Keeps `chunks.terms` as BM25 needs it: gives weights to chunks that have none (of an older version of the code), and when the
 * average length of live chunks has left the reference that weights are relative to, moves the reference and weights all chunks anew.
 * In slices of one transaction each; the next run continues where one stopped.
 * @param mayGoOn asked between slices: false leaves the rest
 * @returns whether the reference should move once the documents now arriving are there: ask again a little later
 */
export async function weighTerms(database: Database, workspaceId: string, mayGoOn: () => boolean): Promise<boolean> {
  const step = <T>(work: (db: Db) => Promise<T>) => database.inWorkspace({ workspaceId }, work);
  const waits = await step((db) => moveReference(db, workspaceId));
  let left = true;
  while (left && mayGoOn()) left = await step((db) => weighNextSlice(db, workspaceId));
  left = true;
  while (left && mayGoOn()) left = await step((db) => weighForgotten(db, workspaceId));
  return waits;
}

/** @returns whether it would have moved, were no documents coming */
async function moveReference(db: Db, workspaceId: string): Promise<boolean> {
  const { rows } = await db.query<{ waits: boolean }>(
    `WITH drifted AS (
       SELECT tokens::real / chunks AS average, tokens::real / chunks / coalesce(reference_length, dbrag.default_length()) AS drift
       FROM dbrag.corpus_statistics WHERE workspace_id = $1 AND chunks >= $2 AND weighing_after IS NULL
     ), moved AS (
       UPDATE dbrag.corpus_statistics s SET weighing_after = $5, reference_length = drifted.average FROM drifted
       WHERE s.workspace_id = $1 AND s.weighing_after IS NULL AND NOT drifted.drift BETWEEN 1 / $3::real AND $3::real
         AND (NOT drifted.drift BETWEEN 1 / $4::real AND $4::real OR NOT EXISTS (
           SELECT FROM dbrag.document_versions WHERE workspace_id = $1 AND status IN ('queued', 'processing')))
       RETURNING s.workspace_id
     )
     SELECT NOT drift BETWEEN 1 / $3::real AND $3::real AND NOT EXISTS (SELECT FROM moved) AS waits FROM drifted`,
    [workspaceId, fewestChunks, tolerated, toleratedMeanwhile, start],
  );
  return rows[0]?.waits ?? false;
}

/** The chunks of the next documents by id; true while there may be more. New chunks are written with the new reference already. */
async function weighNextSlice(db: Db, workspaceId: string): Promise<boolean> {
  const { rows } = await db.query<{ after: string; reference: number }>(
    `SELECT weighing_after AS after, coalesce(reference_length, dbrag.default_length()) AS reference
     FROM dbrag.corpus_statistics WHERE workspace_id = $1 AND weighing_after IS NOT NULL FOR UPDATE`,
    [workspaceId],
  );
  const [at] = rows;
  if (at === undefined) return false;
  // Whole documents, so that an id says where the work stands; one of many chunks makes a longer slice.
  const { rows: next } = await db.query<{ last: string | null }>(
    `WITH slice AS (
       SELECT max(document_id::text)::uuid AS last FROM (
         SELECT document_id FROM dbrag.chunks WHERE workspace_id = $1 AND document_id > $2 ORDER BY document_id LIMIT $3
       ) AS following
     ), weighed AS (
       UPDATE dbrag.chunks c SET terms = (SELECT w.terms FROM dbrag.term_weights(c.search, $4) AS w)
       FROM slice WHERE c.workspace_id = $1 AND c.document_id > $2 AND c.document_id <= slice.last
     )
     UPDATE dbrag.corpus_statistics s SET weighing_after = slice.last FROM slice WHERE s.workspace_id = $1 RETURNING slice.last`,
    [workspaceId, at.after, chunksAtOnce, at.reference],
  );
  return next[0]?.last != null;
}

async function weighForgotten(db: Db, workspaceId: string): Promise<boolean> {
  const { count } = await db.query(
    `UPDATE dbrag.chunks c SET terms = (
       SELECT w.terms FROM dbrag.term_weights(c.search, coalesce(
         (SELECT reference_length FROM dbrag.corpus_statistics WHERE workspace_id = $1), dbrag.default_length())) AS w)
     FROM (
       SELECT document_id, content_hash FROM dbrag.chunks WHERE workspace_id = $1 AND terms IS NULL
       LIMIT $2 FOR UPDATE SKIP LOCKED
     ) AS forgotten
     WHERE c.workspace_id = $1 AND c.document_id = forgotten.document_id AND c.content_hash = forgotten.content_hash`,
    [workspaceId, chunksAtOnce],
  );
  return count === chunksAtOnce;
}
