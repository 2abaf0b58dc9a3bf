import type { Db } from '../core/database.ts';
import { DocumentError } from '../core/document-errors.ts';
import { dropUnwantedPurchases } from './drop-purchases.ts';
import type { LeasedChunk } from './lease-pending.ts';
import type { PendingPool } from './pending-pool.ts';
import { setAside } from './set-aside.ts';
import { lockDocuments, setVersionStatus } from './set-version-status.ts';

/** A chunk that the model will never embed, and why. */
export interface RefusedChunk {
  readonly chunk: LeasedChunk;
  readonly reason: string;
}

/**
 * Fails every version under way that holds a text which the model refuses: no retry would help. Their other chunks are bought no
 * more unless another version needs them. One that only a live version places stays in the space that it is in.
 */
export async function refuseChunks(db: Db, pool: PendingPool, refused: readonly RefusedChunk[]): Promise<void> {
  const { workspaceId } = pool;
  const documentIds = [...new Set(refused.map(({ chunk }) => chunk.documentId))];
  await lockDocuments(db, workspaceId, documentIds);
  for (const { chunk, reason } of refused) {
    const { rows } = await db.query<{ version: number }>(
      `SELECT DISTINCT p.version FROM dbrag.placements p
       JOIN dbrag.document_versions v ON v.workspace_id = $1 AND v.document_id = p.document_id AND v.version = p.version
       WHERE p.workspace_id = $1 AND p.document_id = $2 AND p.content_hash = $3 AND v.status = 'processing'`,
      [workspaceId, chunk.documentId, chunk.contentHash],
    );
    const versions = rows.map(({ version }) => ({ documentId: chunk.documentId, version }));
    const { code, message } = new DocumentError('bad_embedding', `A passage could not be embedded: ${reason}`);
    await setVersionStatus(db, workspaceId, versions, { from: ['processing'], to: 'failed', error: { code, message } });
  }
  for (const documentId of documentIds) await dropUnwantedPurchases(db, workspaceId, documentId);
  // What a live version places would else be asked for again, and again.
  const purchases = refused.map(({ chunk: { documentId, contentHash } }) => ({
    documentId,
    contentHash,
    model: pool.model,
  }));
  await setAside(db, workspaceId, purchases);
}
