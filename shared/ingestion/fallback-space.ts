import type { Db } from '../core/database.ts';

/**
 * Whether a workspace has chunks that are searched in the fallback space, because they have no vector in the primary one yet. One
 * look into an index that is empty while all is well: cheap enough to ask with every search.
 */
export async function holdsFallback(db: Db, workspaceId: string, fallbackModel: string): Promise<boolean> {
  const { rows } = await db.query<{ holds: boolean }>(
    'SELECT EXISTS (SELECT FROM dbrag.pending_embeddings WHERE workspace_id = $1 AND fallback_model = $2) AS holds',
    [workspaceId, fallbackModel],
  );
  return rows[0]?.holds === true;
}
