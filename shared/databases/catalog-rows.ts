import type { Db } from '../core/database.ts';
import { bumpGeneration } from './catalog.ts';

/**
 * Forgets everything of a catalog that came out of rows, for a connection whose rows may not be shown any more or may be from now on.
 * Descriptions of the model go with it, since they may quote; those of people stay.
 */
export async function forgetRows(db: Db, workspaceId: string, connectionId: string): Promise<void> {
  await db.query(
    `UPDATE dbrag.catalog_tables SET samples = NULL, status = 'listed', described_fingerprint = NULL, leased_until = NULL,
       columns = (SELECT coalesce(jsonb_agg(c - 'values' ORDER BY n), '[]') FROM jsonb_array_elements(columns) WITH ORDINALITY AS e (c, n)),
       description = CASE WHEN edited THEN description END, embedding = NULL, embedding_model = NULL, embedded_hash = NULL
     WHERE workspace_id = $1 AND connection_id = $2`,
    [workspaceId, connectionId],
  );
  await bumpGeneration(db, workspaceId, connectionId);
}
