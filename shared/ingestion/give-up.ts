import type { Database, Db } from '../core/database.ts';
import type { Failure } from '../jobs/jobs.ts';
import { dropUnwantedPurchases } from './drop-purchases.ts';
import { type PurchaseKey, setAside } from './set-aside.ts';
import { lockDocuments, setVersionStatus, type VersionKey } from './set-version-status.ts';

/** A document that was begun this often and never finished is to blame itself. Begun less often, its workers failed earlier, as in an outage. */
export const begunTooOften = 3;

/**
 * `ended`: it is `failed` now. `untried`: workers hardly ever began with it, so its message should be sent again. `nothing`: it had ended
 * already, or is at another attempt.
 */
export type GivenUp = 'ended' | 'untried' | 'nothing';

export interface GivenUpVersion extends VersionKey {
  readonly workspaceId: string;
  readonly attempt: number;
}

/** Fails a version that its workers could not parse. The previous live version stays live. Idempotent. */
export async function giveUpIngestion(
  database: Database,
  { workspaceId, documentId, version, attempt }: GivenUpVersion,
  error: Failure,
): Promise<GivenUp> {
  return database.inWorkspace({ workspaceId }, async (db) => {
    await lockDocuments(db, workspaceId, [documentId]);
    const { rows } = await db.query<{ tried: boolean }>(
      `SELECT claims >= $5 AND content_hash IS NULL AS tried FROM dbrag.document_versions
       WHERE workspace_id = $1 AND document_id = $2 AND version = $3 AND attempt = $4 AND status IN ('queued', 'processing')`,
      [workspaceId, documentId, version, attempt, begunTooOften],
    );
    if (!rows[0]) return 'nothing';
    return rows[0].tried ? end(db, workspaceId, [{ documentId, version }], error) : 'untried';
  });
}

/**
 * Fails the version of a document whose texts crashed every worker that embedded them. Texts of a live version (healing and moving to
 * another model embed them too) fail nothing: they stay in the space that they are in, and are not embedded again.
 */
export async function giveUpEmbedding(
  database: Database,
  { workspaceId, documentId }: { readonly workspaceId: string; readonly documentId: string },
  error: Failure,
): Promise<GivenUp> {
  return database.inWorkspace({ workspaceId }, async (db) => {
    await lockDocuments(db, workspaceId, [documentId]);
    const tried = await triedTooOften(db, workspaceId, documentId);
    const { rows } = await db.query<{ version: number }>(
      `SELECT version FROM dbrag.document_versions
       WHERE workspace_id = $1 AND document_id = $2 AND status = 'processing' AND content_hash IS NOT NULL`,
      [workspaceId, documentId],
    );
    // Work for a live version is nudged by the sweeper.
    if (tried.length === 0) return rows.length > 0 ? 'untried' : 'nothing';
    const versions = rows.map(({ version }) => ({ documentId, version }));
    if (versions.length > 0) await end(db, workspaceId, versions, error);
    await setAside(db, workspaceId, tried);
    return 'ended';
  });
}

async function triedTooOften(db: Db, workspaceId: string, documentId: string): Promise<PurchaseKey[]> {
  const { rows } = await db.query<{ content_hash: Buffer; model: string }>(
    `SELECT content_hash, model FROM dbrag.pending_embeddings
     WHERE workspace_id = $1 AND document_id = $2 AND tries >= $3 AND leased_until IS DISTINCT FROM 'infinity'`,
    [workspaceId, documentId, begunTooOften],
  );
  return rows.map((row) => ({ documentId, contentHash: row.content_hash, model: row.model }));
}

async function end(db: Db, workspaceId: string, versions: readonly VersionKey[], error: Failure): Promise<GivenUp> {
  const ended = await setVersionStatus(db, workspaceId, versions, {
    from: ['queued', 'processing'],
    to: 'failed',
    error,
  });
  for (const { documentId } of ended) await dropUnwantedPurchases(db, workspaceId, documentId);
  return ended.length > 0 ? 'ended' : 'nothing';
}
