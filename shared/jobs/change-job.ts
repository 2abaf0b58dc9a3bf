import type { Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import type { JobKinds, RestartedJob } from './job-kinds.ts';
import { getJob, type Job } from './jobs.ts';

export interface CancelledJob {
  readonly job: Job;
  /** False: it was cancelled already. */
  readonly changed: boolean;
}

/**
 * Cancels a job. Repeating the call changes nothing.
 * @throws not_found · conflict when it has succeeded or failed, or is of a type that cannot be cancelled
 */
export async function cancelJob(db: Db, kinds: JobKinds, workspaceId: string, id: string): Promise<CancelledJob> {
  const job = await getJob(db, workspaceId, id);
  if (job.status === 'cancelled') return { job, changed: false };
  refuseEnded(job);
  const cancel = kinds[job.type]?.cancel;
  if (!cancel) throw new DbragError('conflict', `A job of the type ${job.type} cannot be cancelled.`);
  await cancel(db, workspaceId, job);
  const after = await getJob(db, workspaceId, id);
  // It ended between the two statements.
  refuseEnded(after);
  return { job: after, changed: true };
}

function refuseEnded({ status }: Job): void {
  if (status === 'succeeded' || status === 'failed') throw new DbragError('conflict', `The job has ${status}.`);
}

/**
 * Restarts a job that failed or was cancelled. Repeating the call is refused and changes nothing: the job is under way then.
 * @throws not_found · conflict when it is in progress or has succeeded, or when restarting it no longer makes sense
 */
export async function retryJob(
  db: Db,
  kinds: JobKinds,
  workspaceId: string,
  id: string,
  now: Date,
): Promise<RestartedJob> {
  const job = await getJob(db, workspaceId, id);
  if (job.status !== 'failed' && job.status !== 'cancelled')
    throw new DbragError(
      'conflict',
      `The job's status is ${job.status}; only one that failed or was cancelled is tried again.`,
    );
  const kind = kinds[job.type];
  if (!kind?.retry) throw new DbragError('conflict', `A job of the type ${job.type} cannot be tried again.`);
  const [restarted] = await kind.retry(db, workspaceId, [job], now);
  if (!restarted) throw new DbragError('conflict', kind.refusal ?? 'It cannot be tried again.');
  return restarted;
}
