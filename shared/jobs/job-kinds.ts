import type { Db } from '../core/database.ts';
import type { AddressedNudge } from '../core/work-queue.ts';
import type { Job, JobType } from './jobs.ts';

/** A restarted job, and the nudge to send once that is committed. */
export interface RestartedJob {
  /** UUID. */
  readonly jobId: string;
  readonly nudge: AddressedNudge;
}

/** Operations on the jobs of one type, while they run and after they ended. Implemented and passed in by the room that does the work. */
export interface JobKind {
  /**
   * Ends a job and its remaining work, in the caller's transaction. Changes nothing if it has ended in the meantime.
   * Absent: such a job cannot be cancelled.
   */
  readonly cancel?: (db: Db, workspaceId: string, job: Job) => Promise<void>;
  /**
   * Restarts failed or cancelled jobs, in the caller's transaction; leaves out those for which that no longer makes
   * sense. Absent: such a job cannot be restarted.
   */
  readonly retry?: (db: Db, workspaceId: string, jobs: readonly Job[], now: Date) => Promise<readonly RestartedJob[]>;
  /** Why `retry` left a job out: a sentence. */
  readonly refusal?: string;
}

export type JobKinds = Readonly<Partial<Record<JobType, JobKind>>>;
