import type { Database } from '../core/database.ts';
import type { Failure } from '../jobs/jobs.ts';
import { dropUnwantedPurchases } from './drop-purchases.ts';
import { lockDocuments, setVersionStatus } from './set-version-status.ts';

export interface GivenUpVersion {
  readonly workspaceId: string;
  readonly documentId: string;
  readonly version: number;
  /** Undefined: whichever attempt is under way. */
  readonly attempt: number | undefined;
}

/** Ends a version `failed` that its workers could not finish. What was live before stays live. Changes nothing the second time. */
export async function giveUpIngestion(
  database: Database,
  { workspaceId, documentId, version, attempt }: GivenUpVersion,
  error: Failure,
): Promise<void> {
  await database.inWorkspace({ workspaceId }, async (db) => {
    await lockDocuments(db, workspaceId, [documentId]);
    const ended = await setVersionStatus(db, workspaceId, [{ documentId, version }], {
      from: ['queued', 'processing'],
      to: 'failed',
      error,
      ...(attempt === undefined ? {} : { attempt }),
    });
    if (ended.length > 0) await dropUnwantedPurchases(db, workspaceId, documentId);
  });
}
