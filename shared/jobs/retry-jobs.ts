import type { Db } from '../core/database.ts';
import type { JobKinds, RestartedJob } from './job-kinds.ts';
import { listEndedJobs } from './jobs.ts';

/** Selects jobs that have ended. */
export interface RetryFilter {
  readonly status: 'failed' | 'cancelled';
  /** The `code` of its error. */
  readonly code?: string | undefined;
  readonly collectionId?: string | undefined;
}

/** The outcome of one slice. */
export interface RetriedSlice {
  readonly restarted: readonly RestartedJob[];
  /** UUID of the last job that was examined, to continue after; undefined: there are no more. */
  readonly after: string | undefined;
}

/** Jobs per transaction: short locks, and statements that handle this many at once. */
const jobsPerSlice = 250;

/** Restarts the next jobs that a filter selects, oldest first, after the last one examined. Those that cannot be restarted are skipped. */
export async function retrySlice(
  db: Db,
  kinds: JobKinds,
  workspaceId: string,
  filter: RetryFilter,
  after: string | undefined,
  now: Date,
): Promise<RetriedSlice> {
  const jobs = await listEndedJobs(db, workspaceId, filter, after, jobsPerSlice);
  const restarted: RestartedJob[] = [];
  for (const [type, ofType] of Map.groupBy(jobs, (job) => job.type))
    restarted.push(...((await kinds[type]?.retry?.(db, workspaceId, ofType, now)) ?? []));
  return { restarted, after: jobs.length === jobsPerSlice ? jobs.at(-1)?.id : undefined };
}
