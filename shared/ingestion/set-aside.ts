import type { Db } from '../core/database.ts';

export interface PurchaseKey {
  readonly documentId: string;
  readonly contentHash: Buffer;
  readonly model: string;
}

/**
 * Pending embeddings that are set aside: their rows stay, with a lease that never expires, but nothing embeds them or waits for them. (A
 * fallback space is searched while a row names it.) A version that contains the text again, or a `batch_embed` job, reactivates them.
 */
export async function setAside(db: Db, workspaceId: string, purchases: readonly PurchaseKey[]): Promise<void> {
  if (purchases.length === 0) return;
  await db.query(
    `UPDATE dbrag.pending_embeddings p SET leased_until = 'infinity', leased_by = NULL
     FROM unnest($2::uuid[], $3::bytea[], $4::text[]) AS f (document_id, content_hash, model)
     WHERE p.workspace_id = $1 AND p.document_id = f.document_id AND p.content_hash = f.content_hash AND p.model = f.model`,
    [
      workspaceId,
      purchases.map(({ documentId }) => documentId),
      purchases.map(({ contentHash }) => contentHash),
      purchases.map(({ model }) => model),
    ],
  );
}
