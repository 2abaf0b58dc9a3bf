import type { Database, Db } from '../core/database.ts';
import { note, type PartitionState } from './partition-state.ts';
import { farthestSearch, promisedRecall } from './plan-index.ts';

/** Questions to a workspace: 400 of the nearest ten say recall to a point. */
const questions = 20;
const workspacesOfPartition = 2;
const everything = 2_147_483_647;
/** Of a stored vector, that a question is drawn from. */
const neighbours = 50;
const wanted = 10;

/** A workspace large enough to be searched by the index of its partition. */
export interface IndexedWorkspace {
  readonly id: string;
  readonly chunks: number;
}

/**
 * The canary: asks the index of a partition what might be asked there, compares its ten nearest with the exact ones, and lets searches
 * look farther until it keeps its promise, or as far as it may; then the next look builds another index.
 *
 * Vectors that are stored are no questions: the graph was built to find their neighbours (measured on 100,000: .995 for them, .897 for
 * questions that were never stored). A question lies beside the mean of some stored vector's neighbours as another stored vector lies beside
 * the mean of its own. What it is moved by must come from elsewhere: moved by what its neighbours themselves differ by, it lies nearer to them
 * than any question does (measured on 300,000: 1.000 for such ones, .840 for others). And those neighbours are the exact ones: what the index
 * does not find is where the next question must be able to lie.
 * @param workspaces those of the partition; the largest are asked
 * @param hasTime asked before each question
 * @throws Error when there was not the time for all questions: nothing is noted of those that were asked
 */
export async function checkRecall(
  database: Database,
  state: Pick<PartitionState, 'partition' | 'rows' | 'ef_search'>,
  model: string,
  workspaces: readonly IndexedWorkspace[],
  promise = promisedRecall(state.rows),
  hasTime: () => boolean = () => true,
): Promise<number | undefined> {
  const asked = [...workspaces].sort((left, right) => right.chunks - left.chunks).slice(0, workspacesOfPartition);
  if (asked.length === 0) return undefined;
  for (let efSearch = state.ef_search; ; efSearch = Math.min(farthestSearch, Math.ceil(efSearch * 1.5))) {
    await database.inSystem((db) => note(db, state.partition, model, { ef_search: efSearch }));
    const shares: number[] = [];
    let sampled = 0;
    for (const { id } of asked) {
      const found: number[] = [];
      for (let question = 0; question < questions; question++) {
        if (!hasTime()) throw new Error(`There was no time to measure the index of ${state.partition}.`);
        const share = await database.inWorkspace({ workspaceId: id }, (db) =>
          compareOne(db, id, model, question / questions),
        );
        if (share !== undefined) found.push(share);
      }
      sampled += found.length;
      if (found.length > 0) shares.push(found.reduce((sum, share) => sum + share, 0) / found.length);
    }
    // The promise is made to each of them.
    const recall = Math.min(...shares);
    if (sampled === 0) return undefined;
    await database.inSystem((db) => note(db, state.partition, model, { recall, sampled, checked_at: new Date() }));
    if (recall >= promise || efSearch >= farthestSearch) return recall;
  }
}

/**
 * The share of the exact nearest that the index finds for one question. Each statement looks through all vectors of the workspace once,
 * since a statement has a time limit.
 * @param position 0 to 1: beside which stored vector, in the order of documents
 */
async function compareOne(db: Db, workspaceId: string, model: string, position: number): Promise<number | undefined> {
  const question = await drawQuestion(db, workspaceId, model, position);
  if (question === undefined) return undefined;
  const { rows } = await db.query<{ found: number; exact: number }>(
    `WITH exact AS MATERIALIZED (
       SELECT near.* FROM dbrag.nearest_candidates($1::text::halfvec, $2, NULL, $3, NULL, NULL, NULL, $4) AS near
     ), found AS MATERIALIZED (
       SELECT near.* FROM dbrag.nearest_candidates($1::text::halfvec, $2, NULL, $3, NULL, NULL, NULL, 0) AS near
     )
     -- By distance: of several at the same one any is right.
     SELECT (SELECT count(*) FROM found WHERE distance <= (SELECT max(distance) FROM exact) + 1e-6) AS found, (SELECT count(*) FROM exact) AS exact`,
    [question, model, wanted, everything],
  );
  const [row] = rows;
  return row && row.exact > 0 ? row.found / row.exact : undefined;
}

/** @returns a vector as text */
async function drawQuestion(db: Db, workspaceId: string, model: string, position: number): Promise<string | undefined> {
  const { rows } = await db.query<{ question: string }>(
    `WITH stored AS MATERIALIZED (
       SELECT place.is_here, e.embedding
       FROM (VALUES (true, $3::float8), (false, ($3::float8 + 0.38) - floor($3::float8 + 0.38))) AS place (is_here, position)
       CROSS JOIN LATERAL (
         SELECT id FROM dbrag.documents WHERE workspace_id = $1 AND live_version IS NOT NULL
         ORDER BY id OFFSET floor(place.position * (SELECT count(*) FROM dbrag.documents WHERE workspace_id = $1 AND live_version IS NOT NULL)) LIMIT 1
       ) d
       CROSS JOIN LATERAL (
         SELECT embedding FROM dbrag.embeddings WHERE workspace_id = $1 AND document_id = d.id AND model = $2 LIMIT 1
       ) e
     ), around AS MATERIALIZED (
       SELECT stored.is_here, stored.embedding::vector AS own, avg(e.embedding::vector) AS mean
       FROM stored
       CROSS JOIN LATERAL dbrag.nearest_candidates(stored.embedding, $2, NULL, $5, NULL, NULL, NULL, CASE WHEN stored.is_here THEN $4 ELSE 0 END) AS n
       JOIN dbrag.embeddings e ON e.workspace_id = $1 AND e.document_id = n.document_id AND e.content_hash = n.content_hash AND e.model = $2
       GROUP BY stored.is_here, stored.embedding::vector
     )
     SELECT (here.mean + coalesce(there.own - there.mean, here.own - here.mean))::halfvec::text AS question
     FROM around AS here LEFT JOIN around AS there ON NOT there.is_here
     WHERE here.is_here`,
    [workspaceId, model, position, everything, neighbours],
  );
  return rows[0]?.question;
}
