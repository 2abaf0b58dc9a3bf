import type { Database, Db } from '../core/database.ts';
import type { AddressedNudge, WorkQueue } from '../core/work-queue.ts';
import { finishJob } from '../jobs/finish-job.ts';
import type { SweepActions } from '../jobs/sweep.ts';
import type { UnfinishedWork } from '../jobs/unfinished-work.ts';
import { batchEmbedNudge } from './batch-embed.ts';
import { deletionNudge } from './delete-document.ts';
import { dropUnwantedPurchases } from './drop-purchases.ts';
import { embeddingNudge } from './embed-chunks.message.ts';
import { ingestionNudge } from './nudge-ingestion.ts';
import { lockDocuments, setVersionStatus, type VersionStatus } from './set-version-status.ts';
import { nudgeWaitingPurchases } from './waiting-purchases.ts';

/** Nudges for jobs of other rooms. @returns undefined for work that is not theirs */
export type NudgeOtherJob = (work: UnfinishedWork) => AddressedNudge | undefined;

/** The actions of a sweep for documents that are being ingested or deleted. */
export function createSweepActions(
  database: Database,
  queue: WorkQueue,
  nudgeOther: NudgeOtherJob = () => undefined,
): SweepActions {
  return {
    nudgeOf: (work) => nudgeOther(work) ?? nudgeOf(work),
    nudgeOthers: () => nudgeWaitingPurchases(database, queue),
    expire: (work) => database.inWorkspace({ workspaceId: work.workspace_id }, (db) => expire(db, work)),
    async moveDeadlines(work) {
      for (const [workspaceId, rows] of Map.groupBy(work, (row) => row.workspace_id))
        await database.inWorkspace({ workspaceId }, (db) => moveDeadlines(db, workspaceId, rows));
    },
  };
}

function nudgeOf(work: UnfinishedWork): AddressedNudge | undefined {
  const { workspace_id: workspaceId, document_id: documentId, version, attempt, priority } = work;
  if (work.kind === 'job')
    return work.job_type === 'batch_embed'
      ? batchEmbedNudge(workspaceId, work.job_id)
      : deletionNudge(workspaceId, work.job_id);
  if (documentId === null || version === null || work.status === 'awaiting_upload') return undefined;
  if (work.is_split) return embeddingNudge(priority, { workspaceId, documentId });
  return ingestionNudge({ workspaceId, documentId, version, attempt, priority });
}

/** Ends what has not moved since the sweep saw it: any progress would have given it a new status or deadline. */
async function expire(db: Db, work: UnfinishedWork): Promise<boolean> {
  const message = 'It was not finished by its deadline.';
  if (work.kind === 'job') return expireJob(db, work, message);
  const { workspace_id: workspaceId, document_id: documentId, version, attempt } = work;
  if (documentId === null || version === null) return false;
  if ((await isHeld(db, work)) || (await isServed(db, workspaceId, documentId))) {
    await moveDeadlines(db, workspaceId, [work]);
    return false;
  }
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

/** A worker may be reading it: one began with it, or was nudged, more recently than the longest invocation. */
async function isHeld(
  db: Db,
  { workspace_id, document_id, version, status, is_split }: UnfinishedWork,
): Promise<boolean> {
  if (status !== 'processing' || is_split) return false;
  const { count } = await db.query(
    `SELECT FROM dbrag.document_versions WHERE workspace_id = $1 AND document_id = $2 AND version = $3
     AND coalesce(nudged_at, created_at) > now() - interval '15 minutes'`,
    [workspace_id, document_id, version],
  );
  return count > 0;
}

/**
 * A worker is embedding it right now, or it waits in the queue: its pool is served by age, and older documents come first. So a load that
 * takes longer to embed than a deadline allows fails nothing.
 */
async function isServed(db: Db, workspaceId: string, documentId: string): Promise<boolean> {
  const { rows } = await db.query<{ served: boolean }>(
    `WITH own AS (
       SELECT priority, model, min(created_at) AS since, max(leased_until) AS leased_until FROM dbrag.pending_embeddings
       WHERE workspace_id = $1 AND document_id = $2 AND leased_until IS DISTINCT FROM 'infinity' GROUP BY priority, model
     )
     SELECT EXISTS (
       SELECT FROM own WHERE own.leased_until > now() OR EXISTS (
         SELECT FROM dbrag.pending_embeddings p
         WHERE p.workspace_id = $1 AND p.priority = own.priority AND p.model = own.model AND p.created_at < own.since
           AND p.leased_until IS DISTINCT FROM 'infinity')) AS served`,
    [workspaceId, documentId],
  );
  return rows[0]?.served === true;
}

/** Gives work another hour: what is queued behind others, or being processed, is not late. */
async function moveDeadlines(db: Db, workspaceId: string, work: readonly UnfinishedWork[]): Promise<void> {
  const documentIds = work.flatMap(({ kind, document_id: id }) => (kind === 'version' && id !== null ? [id] : []));
  const locked = await lockDocuments(db, workspaceId, documentIds);
  const versions = work.filter(({ document_id: id }) => id !== null && locked.includes(id));
  const jobs = [...versions, ...work.filter(({ kind }) => kind === 'job')].map((row) => row.job_id);
  await db.query(
    `WITH version AS (
       UPDATE dbrag.document_versions v SET deadline_at = greatest(v.deadline_at, now() + interval '1 hour')
       FROM unnest($2::uuid[], $3::int[]) AS late (document_id, version)
       WHERE v.workspace_id = $1 AND v.document_id = ANY($2::uuid[]) AND v.document_id = late.document_id AND v.version = late.version
     ), document AS (
       UPDATE dbrag.documents SET deadline_at = greatest(deadline_at, now() + interval '1 hour')
       WHERE workspace_id = $1 AND id = ANY($2::uuid[])
     )
     UPDATE dbrag.jobs SET deadline_at = greatest(deadline_at, now() + interval '1 hour')
     WHERE workspace_id = $1 AND id = ANY($4::uuid[]) AND status IN ('queued', 'running')`,
    [workspaceId, versions.map((row) => row.document_id), versions.map((row) => row.version), jobs],
  );
}
