import type { Db } from '../core/database.ts';
import type { Failure, JobStatus, JobType } from './jobs.ts';
import { announceChanged } from './pending-announcements.ts';

export interface JobEnd {
  readonly status: Extract<JobStatus, 'succeeded' | 'failed' | 'cancelled'>;
  /** Required with `failed`. */
  readonly error?: Failure;
  readonly result?: object;
  readonly why?: string;
  /** Only a job of this type is changed: messages are not trusted. */
  readonly type?: JobType;
}

/** Ends a job. @returns false if it had ended already */
export async function finishJob(db: Db, workspaceId: string, id: string, end: JobEnd): Promise<boolean> {
  const { count } = await db.query(
    `WITH changed AS (
       UPDATE dbrag.jobs SET status = $3, error = $4, result = $5, why = $6, finished_at = now(), waiting_until = NULL
       WHERE workspace_id = $1 AND id = $2 AND status IN ('queued', 'running') AND ($7::text IS NULL OR type = $7) RETURNING id
     ), announced AS (${announceChanged(`$3 IN ('succeeded', 'failed')`)})
     SELECT FROM changed`,
    [workspaceId, id, end.status, end.error ?? null, end.result ?? null, end.why ?? null, end.type ?? null],
  );
  return count > 0;
}

/**
 * Marks a job as running and moves its deadline to at least an hour from now: a large job that takes many runs must not be ended in the
 * middle of one. Calling it again after a crash is safe.
 * @returns false if it has ended, or its type differs from the message's
 */
export async function startJob(db: Db, workspaceId: string, id: string, type: JobType, why: string): Promise<boolean> {
  const { count } = await db.query(
    `UPDATE dbrag.jobs SET status = 'running', why = $3, started_at = coalesce(started_at, now()), attempts = attempts + 1,
       deadline_at = greatest(deadline_at, now() + interval '1 hour')
     WHERE workspace_id = $1 AND id = $2 AND type = $4 AND status IN ('queued', 'running')`,
    [workspaceId, id, why, type],
  );
  return count > 0;
}

/**
 * Puts a job that failed or was cancelled back in the queue. Its nudge counts as sent, so the sweeper leaves it alone at first.
 * @returns false when it is neither
 */
export async function restartJob(db: Db, workspaceId: string, id: string, deadline: Date): Promise<boolean> {
  const { count } = await db.query(
    `UPDATE dbrag.jobs SET status = 'queued', error = NULL, result = NULL, why = NULL, finished_at = NULL, waiting_until = NULL,
       nudged_at = now(), nudges = 0, deadline_at = $3
     WHERE workspace_id = $1 AND id = $2 AND status IN ('failed', 'cancelled')`,
    [workspaceId, id, deadline],
  );
  return count > 0;
}
