import type { Clock } from '../core/clock.ts';
import type { Db } from '../core/database.ts';
import type { AddressedNudge } from '../core/work-queue.ts';
import { finishJob, restartJob } from '../jobs/finish-job.ts';
import type { JobKind } from '../jobs/job-kinds.ts';
import { createJob, type Job } from '../jobs/jobs.ts';
import { getCollection } from './collections.ts';
import { setAside } from './set-aside.ts';

const deadlineMilliseconds = 7 * 24 * 3_600_000;

/**
 * Starts a job that embeds whatever of a collection is not in the space of the first model. If such a job is running, returns that one.
 * @throws not_found
 */
export async function beginBatchEmbed(
  db: Db,
  { clock }: { readonly clock: Clock },
  workspaceId: string,
  collectionId: string,
  actor: string,
): Promise<{ readonly jobId: string; readonly begun: boolean }> {
  await getCollection(db, workspaceId, collectionId);
  const running = await runningJob(db, workspaceId, collectionId);
  if (running) return { jobId: running, begun: false };
  const deadline = new Date(clock.now().getTime() + deadlineMilliseconds);
  const jobId = await createJob(db, workspaceId, {
    type: 'batch_embed',
    collectionId,
    priority: 'low',
    createdBy: actor,
    deadline,
  });
  return { jobId, begun: true };
}

export function batchEmbedNudge(workspaceId: string, jobId: string, delaySeconds = 0): AddressedNudge {
  const body = { v: 1, kind: 'batch_embed', workspace_id: workspaceId, job_id: jobId };
  return {
    queue: 'maintenance',
    nudge: { body, groupId: workspaceId, ...(delaySeconds > 0 ? { delaySeconds } : {}) },
  };
}

/** A cancelled job embeds nothing more. Vectors that were stored stay, and chunks in the other space are still searched there. */
export const batchEmbedJobs: JobKind = {
  async cancel(db, workspaceId, job) {
    if (await finishJob(db, workspaceId, job.id, { status: 'cancelled' })) await stopPurchases(db, workspaceId, job);
  },
  async retry(db, workspaceId, jobs, now) {
    const restarted = [];
    for (const { id, collection_id: collectionId } of jobs) {
      if (!collectionId || (await runningJob(db, workspaceId, collectionId))) continue;
      if (!(await restartJob(db, workspaceId, id, new Date(now.getTime() + deadlineMilliseconds)))) continue;
      await db.query(
        `UPDATE dbrag.jobs SET input = '{}', progress_done = 0, progress_total = NULL WHERE workspace_id = $1 AND id = $2`,
        [workspaceId, id],
      );
      restarted.push({ jobId: id, nudge: batchEmbedNudge(workspaceId, id) });
    }
    return restarted;
  },
  refusal: 'Another job is already embedding this collection, or it no longer exists.',
};

/**
 * Pending embeddings recorded since the job started that no version in progress needs. Rows that name a fallback space are kept, but not embedded: it
 * is searched while a row names it. Those that a worker is storing right now are passed over.
 */
async function stopPurchases(
  db: Db,
  workspaceId: string,
  job: Pick<Job, 'collection_id' | 'created_at'>,
): Promise<void> {
  const { rows } = await db.query<{
    document_id: string;
    content_hash: Buffer;
    model: string;
    fallback_model: string | null;
  }>(
    `SELECT document_id, content_hash, model, fallback_model FROM dbrag.pending_embeddings
     WHERE workspace_id = $1 AND collection_id = $2 AND priority = 'low' AND created_at >= $3 AND document_id NOT IN (
       SELECT document_id FROM dbrag.document_versions
       WHERE workspace_id = $1 AND collection_id = $2 AND status = 'processing')
     ORDER BY document_id, content_hash FOR UPDATE SKIP LOCKED`,
    [workspaceId, job.collection_id, job.created_at],
  );
  const [bridged, bare] = [rows.filter((row) => row.fallback_model), rows.filter((row) => !row.fallback_model)];
  await db.query(
    `DELETE FROM dbrag.pending_embeddings p USING unnest($2::uuid[], $3::bytea[]) AS f (document_id, content_hash)
     WHERE p.workspace_id = $1 AND p.document_id = f.document_id AND p.content_hash = f.content_hash`,
    [workspaceId, bare.map((row) => row.document_id), bare.map((row) => row.content_hash)],
  );
  const purchases = bridged.map((row) => ({
    documentId: row.document_id,
    contentHash: row.content_hash,
    model: row.model,
  }));
  await setAside(db, workspaceId, purchases);
}

async function runningJob(db: Db, workspaceId: string, collectionId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM dbrag.jobs
     WHERE workspace_id = $1 AND type = 'batch_embed' AND collection_id = $2 AND status IN ('queued', 'running')
     ORDER BY created_at DESC LIMIT 1`,
    [workspaceId, collectionId],
  );
  return rows[0]?.id;
}
