import type { Database, Db } from '../core/database.ts';
import type { QueueName, WorkQueue } from '../core/work-queue.ts';
import { finishJob } from '../jobs/finish-job.ts';
import type { SweepActions, UnfinishedWork } from '../jobs/sweep.ts';
import { nudgeDeletion } from './delete-document.ts';
import { nudgeIngestion } from './nudge-ingestion.ts';
import { lockDocuments, setVersionStatus } from './set-version-status.ts';

/** What a sweep does for documents that are being ingested or deleted. */
export function createSweepActions(database: Database, queue: WorkQueue): SweepActions {
  return {
    queueOf,
    async nudge(work) {
      if (work.kind === 'job') return nudgeDeletion(queue, work.workspace_id, work.job_id);
      // A version that was split already is passed on to the embedding queue by whoever gets this.
      const { workspace_id: workspaceId, document_id: documentId, version, attempt, priority } = work;
      if (documentId === null || version === null) return;
      await nudgeIngestion(queue, { workspaceId, documentId, version, attempt, priority });
    },
    expire: (work) => database.inWorkspace({ workspaceId: work.workspace_id }, (db) => expire(db, work)),
  };
}

function queueOf(work: UnfinishedWork): QueueName | undefined {
  if (work.kind === 'job') return 'maintenance';
  return work.status === 'awaiting_upload' ? undefined : `ingest-${work.priority}`;
}

async function expire(db: Db, work: UnfinishedWork): Promise<boolean> {
  const message = 'It was not finished by its deadline.';
  if (work.kind === 'job') {
    return finishJob(db, work.workspace_id, work.job_id, {
      status: 'failed',
      error: { code: 'deadline_exceeded', message },
    });
  }
  const { workspace_id: workspaceId, document_id: documentId, version, attempt } = work;
  if (documentId === null || version === null || (await isHeld(db, workspaceId, documentId))) return false;
  await lockDocuments(db, workspaceId, [documentId]);
  const error =
    work.status === 'awaiting_upload'
      ? { code: 'upload_expired', message: 'The file was announced and never uploaded.' }
      : { code: 'deadline_exceeded', message };
  const ended = await setVersionStatus(db, workspaceId, [{ documentId, version }], {
    from: ['awaiting_upload', 'queued', 'processing'],
    to: 'failed',
    attempt,
    error,
  });
  return ended.length > 0;
}

/** Somebody is buying for it right now: its time is not up. */
async function isHeld(db: Db, workspaceId: string, documentId: string): Promise<boolean> {
  const { rows } = await db.query<{ held: boolean }>(
    `SELECT EXISTS (SELECT FROM dbrag.pending_embeddings WHERE workspace_id = $1 AND document_id = $2 AND leased_until > now()) AS held`,
    [workspaceId, documentId],
  );
  return rows[0]?.held === true;
}
