import type { Db } from '../core/database.ts';
import type { ClaimedVersion } from './claim-version.ts';
import { lockDocuments } from './set-version-status.ts';

/**
 * Until the transaction ends nobody else writes to the document. A worker that was overtaken, retried or deleted finds no row.
 * @returns false when it came too late
 */
export async function passFence(db: Db, claim: ClaimedVersion): Promise<boolean> {
  const [locked, fence] = await Promise.all([
    lockDocuments(db, claim.workspaceId, [claim.documentId]),
    db.query(
      `SELECT FROM dbrag.document_versions
       WHERE workspace_id = $1 AND document_id = $2 AND version = $3 AND attempt = $4 AND status = 'processing' AND content_hash IS NULL
       FOR UPDATE`,
      [claim.workspaceId, claim.documentId, claim.version, claim.attempt],
    ),
  ]);
  return locked.length > 0 && fence.count > 0;
}
