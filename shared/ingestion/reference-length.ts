import type { Db } from '../core/database.ts';

/** The aspects of a text that matter for its length. */
export interface MeasuredText {
  readonly text: string;
  /** A text search configuration. */
  readonly language: string;
}

/** More of the first texts would say little more. */
const textsMeasured = 64;
/** The first texts weigh against so many of the usual length: one short note says nothing of what comes after it. */
const usualTexts = 8;

/**
 * The length, in lexemes, that BM25 weights of a workspace's texts are relative to. Its first texts decide it: weights relative to
 * a length that nothing of the workspace has would all be written again in the middle of the first load. Whoever stores the first
 * texts makes all others who store for the first time wait until it has committed, and never again.
 * @param texts about to be stored
 */
export async function referenceLength(db: Db, workspaceId: string, texts: readonly MeasuredText[]): Promise<number> {
  const { rows } = await db.query<{ length: number | null }>(
    'SELECT reference_length AS length FROM dbrag.corpus_statistics WHERE workspace_id = $1',
    [workspaceId],
  );
  return rows[0]?.length ?? takeFrom(db, workspaceId, texts.slice(0, textsMeasured));
}

/** Where texts were stored before there was a reference, they are relative to the default. */
async function takeFrom(db: Db, workspaceId: string, texts: readonly MeasuredText[]): Promise<number> {
  const { rows } = await db.query<{ length: number }>(
    `UPDATE dbrag.corpus_statistics s
     SET reference_length = coalesce(s.reference_length, CASE
       WHEN EXISTS (SELECT FROM dbrag.chunks WHERE workspace_id = $1) THEN dbrag.default_length()
       ELSE (
         SELECT ((sum(measured.length) + $4 * dbrag.default_length()) / (count(*) + $4))::real
         FROM unnest($2::text[], $3::text[]) AS t (text, language)
         CROSS JOIN LATERAL (
           SELECT coalesce(sum(cardinality(positions)), 0) AS length FROM unnest(to_tsvector(t.language::regconfig, t.text))) AS measured)
       END)
     WHERE s.workspace_id = $1 RETURNING s.reference_length AS length`,
    [workspaceId, texts.map(({ text }) => text), texts.map(({ language }) => language), usualTexts],
  );
  const [taken] = rows;
  if (!taken) throw new Error(`The workspace ${workspaceId} has no row in corpus_statistics.`);
  return taken.length;
}
