import type { Db } from '../core/database.ts';
import { bumpGeneration } from './catalog.ts';

/**
 * Deletes everything in a catalog that came from rows, for a connection whose setting `send_rows_to_model` changes.
 * Descriptions of the model go with it, since they may quote; those of people stay.
 */
export async function forgetRows(db: Db, workspaceId: string, connectionId: string): Promise<void> {
  await db.query(
    `UPDATE dbrag.catalog_tables SET samples = NULL, status = 'listed', described_fingerprint = NULL, leased_until = NULL,
       columns = (SELECT coalesce(jsonb_agg(c - 'values' ORDER BY n), '[]') FROM jsonb_array_elements(columns) WITH ORDINALITY AS e (c, n)),
       description = CASE WHEN edited THEN description END, description_error = NULL, embedding = NULL, embedding_model = NULL, embedded_hash = NULL
     WHERE workspace_id = $1 AND connection_id = $2`,
    [workspaceId, connectionId],
  );
  await bumpGeneration(db, workspaceId, connectionId);
}
