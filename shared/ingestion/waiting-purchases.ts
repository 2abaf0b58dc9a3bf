import type { Database } from '../core/database.ts';
import type { Priority, WorkQueue } from '../core/work-queue.ts';
import { nudgeEmbedding } from './embed-chunks.message.ts';

const poolsAtOnce = 500;

/**
 * Nudges pools whose purchases nobody holds and that have waited for minutes: those of versions that are ready (in their own space,
 * once the model is back) no unfinished version tells of. While a model is being probed, a message of its pools goes round already.
 * @returns how many pools wait
 */
export async function nudgeWaitingPurchases(database: Database, queue: WorkQueue): Promise<number> {
  const { rows } = await database.inSystem((db) =>
    db.query<{ workspace_id: string; priority: Priority; document_id: string; is_probed: boolean }>(
      'SELECT * FROM dbrag.waiting_purchases($1)',
      [poolsAtOnce],
    ),
  );
  for (const { workspace_id: workspaceId, priority, document_id: documentId, is_probed: isProbed } of rows)
    if (!isProbed) await nudgeEmbedding(queue, priority, { workspaceId, documentId });
  return rows.length;
}
