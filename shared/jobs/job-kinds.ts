import type { Db } from '../core/database.ts';
import type { AddressedNudge } from '../core/work-queue.ts';
import type { Job, JobType } from './jobs.ts';

/** A job that was begun again, and the nudge to send when that is committed. */
export interface RestartedJob {
  /** UUID. */
  readonly jobId: string;
  readonly nudge: AddressedNudge;
}

/** What may be asked of the jobs of one type while they run and after they ended. Who does the work knows how, and passes it in. */
export interface JobKind {
  /**
   * Ends a job and whatever would go on for it, in the caller's transaction. Changes nothing when it has ended in the meantime.
   * Absent: such a job cannot be cancelled.
   */
  readonly cancel?: (db: Db, workspaceId: string, job: Job) => Promise<void>;
  /**
   * Begins jobs again that have failed or were cancelled, in the caller's transaction; leaves out those for which that makes no sense
   * any more. Absent: such a job cannot be begun again.
   */
  readonly retry?: (db: Db, workspaceId: string, jobs: readonly Job[], now: Date) => Promise<readonly RestartedJob[]>;
  /** Why `retry` left a job out: a sentence. */
  readonly refusal?: string;
}

export type JobKinds = Readonly<Partial<Record<JobType, JobKind>>>;
