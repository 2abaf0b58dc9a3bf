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

const compared = (workspace: string, collections: string): string => `SELECT id, generation FROM dbrag.collections
  WHERE workspace_id = ${workspace}::uuid AND (${collections}::uuid[] IS NULL OR id = ANY (${collections}::uuid[]))`;

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
     FROM dbrag.workspaces w LEFT JOIN (${compared('$1', '$2')} LIMIT $3) AS c ON true WHERE w.id = $1::uuid GROUP BY w.generation`,
    [workspaceId, collectionIds, mostCompared + 1],
  );
  const [state] = rows;
  return state && state.collectionIds.length <= mostCompared ? state : null;
}

/** Whether a database shows a state that was read elsewhere: a condition and what it is given. */
interface Reached {
  readonly condition: string;
  readonly values: readonly unknown[];
}

/**
 * Two databases may show the same two commits in another order, so each collection is compared by itself; one that only one of both knows was
 * made or removed in between, and it cannot be told which of them is the newer.
 * @param behind how many parameters the statement has before those of the condition
 */
function reached(
  workspaceId: string,
  named: readonly string[] | null,
  { workspace, collectionIds, generations }: SearchState,
  behind: number,
): Reached {
  const [id, collections, ownGeneration, ids, theirGenerations] = [1, 2, 3, 4, 5].map((at) => `$${at + behind}`) as [
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    condition: `coalesce((
      SELECT w.generation >= ${ownGeneration}::bigint AND NOT EXISTS (
        SELECT FROM unnest(${ids}::uuid[], ${theirGenerations}::bigint[]) AS seen (id, generation)
        FULL JOIN (${compared(id, collections)}) AS here USING (id)
        WHERE (here.generation >= seen.generation) IS NOT TRUE)
      FROM dbrag.workspaces w WHERE w.id = ${id}::uuid), false)`,
    values: [workspaceId, named, workspace, collectionIds, generations],
  };
}

/** Whether the database that `db` reads has come as far as the state, or further. The next statement of the transaction sees the same or more. */
export async function hasReached(
  db: Db,
  workspaceId: string,
  collectionIds: readonly string[] | null,
  state: SearchState,
): Promise<boolean> {
  const { condition, values } = reached(workspaceId, collectionIds, state, 0);
  const { rows } = await db.query<{ reached: boolean }>(`SELECT ${condition} AS reached`, values);
  return rows[0]?.reached === true;
}

/** A statement that gives no rows while the database that is asked has not come as far as the state: both are seen in one snapshot. */
export function onceReached(
  statement: string,
  parameters: readonly unknown[],
  workspaceId: string,
  state: SearchState,
): { readonly text: string; readonly values: readonly unknown[] } {
  const { condition, values } = reached(workspaceId, null, state, parameters.length);
  return {
    text: `SELECT hits.* FROM (${statement}) AS hits WHERE (SELECT ${condition})`,
    values: [...parameters, ...values],
  };
}
