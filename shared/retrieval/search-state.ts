import type { Db } from '../core/database.ts';

/**
 * How far everything stands that decides about hits: the generations that swaps, deletions and changes of permissions raise in their
 * own transactions. They never fall.
 */
export interface SearchState {
  readonly workspace: string;
  readonly collectionIds: readonly string[];
  /** In the order of the ids. */
  readonly generations: readonly string[];
}

/** More are not compared: that would take longer than many a search. */
export const mostCompared = 1_000;

const compared = `SELECT id, generation FROM dbrag.collections
  WHERE workspace_id = $1::uuid AND ($2::uuid[] IS NULL OR id = ANY ($2::uuid[]))`;

/**
 * The state of what a search of the caller looks through. Must run inside `inWorkspace` with the caller's narrowing.
 * @returns null where there is more to compare than a search is worth, or no workspace
 */
export async function readSearchState(
  db: Db,
  workspaceId: string,
  collectionIds: readonly string[] | null,
): Promise<SearchState | null> {
  const { rows } = await db.query<SearchState>(
    `SELECT w.generation::text AS workspace, coalesce(array_agg(c.id::text) FILTER (WHERE c.id IS NOT NULL), '{}') AS "collectionIds",
       coalesce(array_agg(c.generation::text) FILTER (WHERE c.id IS NOT NULL), '{}') AS generations
     FROM dbrag.workspaces w LEFT JOIN (${compared} LIMIT $3) AS c ON true WHERE w.id = $1::uuid GROUP BY w.generation`,
    [workspaceId, collectionIds, mostCompared + 1],
  );
  const [state] = rows;
  return state && state.collectionIds.length <= mostCompared ? state : null;
}

/**
 * Whether the database that `db` reads has come as far as a state that was read elsewhere, or further. The next statement of the
 * transaction sees the same or more. Two databases may show the same two commits in another order, so each collection is compared by
 * itself; one that only one of both knows was made or removed in between, and it cannot be told which of them is the newer.
 */
export async function hasReached(
  db: Db,
  workspaceId: string,
  collectionIds: readonly string[] | null,
  { workspace, collectionIds: ids, generations }: SearchState,
): Promise<boolean> {
  const { rows } = await db.query<{ reached: boolean }>(
    `SELECT w.generation >= $3::bigint AND NOT EXISTS (
       SELECT FROM unnest($4::uuid[], $5::bigint[]) AS seen (id, generation) FULL JOIN (${compared}) AS here USING (id)
       WHERE (here.generation >= seen.generation) IS NOT TRUE
     ) AS reached
     FROM dbrag.workspaces w WHERE w.id = $1::uuid`,
    [workspaceId, collectionIds, workspace, ids, generations],
  );
  return rows[0]?.reached === true;
}
