import type { Priority, QueueName, WorkQueue } from '../core/work-queue.ts';

export interface IngestionNudge {
  readonly workspaceId: string;
  readonly documentId: string;
  readonly version: number;
  readonly attempt: number;
  readonly priority: Priority;
}

/** Tells a worker that a version waits to be ingested. May be sent twice or get lost: the row is what counts. */
export async function nudgeIngestion(queue: WorkQueue, nudge: IngestionNudge, delaySeconds?: number): Promise<void> {
  const body = {
    v: 1,
    workspace_id: nudge.workspaceId,
    document_id: nudge.documentId,
    version: nudge.version,
    attempt: nudge.attempt,
  };
  const name: QueueName = `ingest-${nudge.priority}`;
  await queue.send(name, [
    { body, groupId: nudge.workspaceId, ...(delaySeconds === undefined ? {} : { delaySeconds }) },
  ]);
}
