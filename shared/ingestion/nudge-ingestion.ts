import { type AddressedNudge, type Priority, sendNudges, type WorkQueue } from '../core/work-queue.ts';

export interface IngestionNudge {
  readonly workspaceId: string;
  readonly documentId: string;
  readonly version: number;
  readonly attempt: number;
  readonly priority: Priority;
}

/** The message to a worker that a version is waiting to be ingested. */
export function ingestionNudge(nudge: IngestionNudge): AddressedNudge {
  const body = {
    v: 1,
    workspace_id: nudge.workspaceId,
    document_id: nudge.documentId,
    version: nudge.version,
    attempt: nudge.attempt,
  };
  return { queue: `ingest-${nudge.priority}`, nudge: { body, groupId: nudge.workspaceId } };
}

/** May be sent twice or get lost: the row is what counts. */
export async function nudgeIngestion(queue: WorkQueue, nudge: IngestionNudge): Promise<void> {
  await sendNudges(queue, [ingestionNudge(nudge)]);
}
