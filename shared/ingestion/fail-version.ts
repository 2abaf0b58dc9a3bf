import type { Db } from '../core/database.ts';
import type { DocumentError } from '../core/document-errors.ts';
import { lockDocuments, setVersionStatus, type VersionKey } from './set-version-status.ts';

/** Ends one attempt at a version `failed`, with the document's own fault as the reason. The previous live version stays live. */
export async function failVersion(
  db: Db,
  claim: VersionKey & { readonly workspaceId: string; readonly attempt: number },
  { code, message }: DocumentError,
): Promise<void> {
  await lockDocuments(db, claim.workspaceId, [claim.documentId]);
  await setVersionStatus(db, claim.workspaceId, [claim], {
    from: ['queued', 'processing'],
    to: 'failed',
    attempt: claim.attempt,
    error: { code, message },
  });
}
