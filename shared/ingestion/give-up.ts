import type { Database, Db } from '../core/database.ts';
import type { Failure } from '../jobs/jobs.ts';
import { dropUnwantedPurchases } from './drop-purchases.ts';
import { lockDocuments, setVersionStatus, type VersionKey } from './set-version-status.ts';

/** Begun this often and never finished: that is the document. Less often: its workers never got as far, as in an outage. */
export const begunTooOften = 3;

/**
 * `ended`: it is `failed` now. `untried`: its workers hardly ever began with it, so it is to be sent again. `nothing`: it had ended
 * already, or is another attempt.
 */
export type GivenUp = 'ended' | 'untried' | 'nothing';

export interface GivenUpVersion extends VersionKey {
  readonly workspaceId: string;
  readonly attempt: number;
}

/** Ends a version `failed` that its workers could not parse. What was live before stays live. Changes nothing the second time. */
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

/** Ends whichever version of a document has texts whose purchase no worker survived. */
export async function giveUpEmbedding(
  database: Database,
  { workspaceId, documentId }: { readonly workspaceId: string; readonly documentId: string },
  error: Failure,
): Promise<GivenUp> {
  return database.inWorkspace({ workspaceId }, async (db) => {
    await lockDocuments(db, workspaceId, [documentId]);
    const { rows } = await db.query<{ version: number; tries: number }>(
      `SELECT version, (
         SELECT coalesce(max(p.tries), 0) FROM dbrag.pending_embeddings p WHERE p.workspace_id = $1 AND p.document_id = $2) AS tries
       FROM dbrag.document_versions
       WHERE workspace_id = $1 AND document_id = $2 AND status = 'processing' AND content_hash IS NOT NULL`,
      [workspaceId, documentId],
    );
    if (!rows[0]) return 'nothing';
    if (rows[0].tries < begunTooOften) return 'untried';
    const versions = rows.map(({ version }) => ({ documentId, version }));
    return end(db, workspaceId, versions, error);
  });
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
