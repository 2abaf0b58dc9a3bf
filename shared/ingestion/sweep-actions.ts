import type { Database, Db } from '../core/database.ts';
import { type QueueName, sendNudges, type WorkQueue } from '../core/work-queue.ts';
import { finishJob } from '../jobs/finish-job.ts';
import type { SweepActions, UnfinishedWork } from '../jobs/sweep.ts';
import { batchEmbedNudge } from './batch-embed.ts';
import { deletionNudge } from './delete-document.ts';
import { dropUnwantedPurchases } from './drop-purchases.ts';
import { nudgeIngestion } from './nudge-ingestion.ts';
import { lockDocuments, setVersionStatus, type VersionStatus } from './set-version-status.ts';
import { nudgeWaitingPurchases } from './waiting-purchases.ts';

/** What a sweep does for documents that are being ingested or deleted. */
export function createSweepActions(database: Database, queue: WorkQueue): SweepActions {
  return {
    queueOf,
    async nudge(work) {
      if (work.kind === 'job') return nudgeJob(queue, work);
      // A version that was split already is passed on to the embedding queue by whoever gets this.
      const { workspace_id: workspaceId, document_id: documentId, version, attempt, priority } = work;
      if (documentId === null || version === null) return;
      await nudgeIngestion(queue, { workspaceId, documentId, version, attempt, priority });
    },
    nudgeOthers: () => nudgeWaitingPurchases(database, queue),
    expire: (work) => database.inWorkspace({ workspaceId: work.workspace_id }, (db) => expire(db, work)),
  };
}

async function nudgeJob(queue: WorkQueue, work: UnfinishedWork): Promise<void> {
  const { workspace_id: workspaceId, job_id: jobId, job_type: type } = work;
  const nudge = type === 'batch_embed' ? batchEmbedNudge(workspaceId, jobId) : deletionNudge(workspaceId, jobId);
  await sendNudges(queue, [nudge]);
}

function queueOf(work: UnfinishedWork): QueueName | undefined {
  if (work.kind === 'job') return 'maintenance';
  return work.status === 'awaiting_upload' ? undefined : `ingest-${work.priority}`;
}

/** Ends what has not moved since the sweep saw it: whoever moved it gave it a new status or a new deadline. */
async function expire(db: Db, work: UnfinishedWork): Promise<boolean> {
  const message = 'It was not finished by its deadline.';
  if (work.kind === 'job') return expireJob(db, work, message);
  const { workspace_id: workspaceId, document_id: documentId, version, attempt } = work;
  if (documentId === null || version === null || (await isServed(db, workspaceId, documentId))) return false;
  await lockDocuments(db, workspaceId, [documentId]);
  const error =
    work.status === 'awaiting_upload'
      ? { code: 'upload_expired', message: 'The file was announced and never uploaded.' }
      : { code: 'deadline_exceeded', message };
  const ended = await setVersionStatus(db, workspaceId, [{ documentId, version }], {
    from: [work.status as VersionStatus],
    to: 'failed',
    attempt,
    error,
  });
  if (ended.length > 0) await dropUnwantedPurchases(db, workspaceId, documentId);
  return ended.length > 0;
}

async function expireJob(db: Db, work: UnfinishedWork, message: string): Promise<boolean> {
  const { count } = await db.query(
    // A Date has no microseconds.
    `SELECT FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2 AND date_trunc('milliseconds', deadline_at) <= $3 FOR UPDATE`,
    [work.workspace_id, work.job_id, work.deadline_at],
  );
  if (count === 0) return false;
  const error = { code: 'deadline_exceeded', message };
  return finishJob(db, work.workspace_id, work.job_id, { status: 'failed', error });
}

/**
 * Somebody is buying for it right now, or it stands in line: its pool is served in the order of age, and others are before it. So
 * a load that takes longer to embed than a deadline allows fails nothing.
 */
async function isServed(db: Db, workspaceId: string, documentId: string): Promise<boolean> {
  const { rows } = await db.query<{ served: boolean }>(
    `WITH own AS (
       SELECT priority, model, min(created_at) AS since, max(leased_until) AS leased_until FROM dbrag.pending_embeddings
       WHERE workspace_id = $1 AND document_id = $2 GROUP BY priority, model
     )
     SELECT EXISTS (
       SELECT FROM own WHERE own.leased_until > now() OR EXISTS (
         SELECT FROM dbrag.pending_embeddings p
         WHERE p.workspace_id = $1 AND p.priority = own.priority AND p.model = own.model AND p.created_at < own.since)) AS served`,
    [workspaceId, documentId],
  );
  return rows[0]?.served === true;
}
