import type { Db } from '../core/database.ts';

/**
 * $1 workspace, $2 model. A range of one model, ordered by model: only the index of spaces gives that order, however common the planner
 * thinks the model is. With any other index it would read all of the workspace's vectors to find none.
 */
export const fallbackStatement = `
SELECT (
  SELECT true FROM dbrag.embeddings WHERE workspace_id = $1::uuid AND model >= $2 AND model <= $2 ORDER BY model LIMIT 1
) IS NOT NULL AS holds`;

/**
 * Whether chunks of a workspace have their vector in the space of this model, because the first model was down when they came or was a
 * different one then. One index look-up, cheap enough for every search.
 */
export async function holdsFallback(db: Db, workspaceId: string, fallbackModel: string): Promise<boolean> {
  const { rows } = await db.query<{ holds: boolean }>(fallbackStatement, [workspaceId, fallbackModel]);
  return rows[0]?.holds === true;
}
