import type { Db } from '../core/database.ts';
import type { Failure, JobStatus } from './jobs.ts';
import { announceChanged } from './pending-announcements.ts';

export interface IngestionJobChange {
  readonly status: JobStatus;
  readonly error?: Failure | null;
  /** Undefined: derived from the version when somebody asks. */
  readonly why?: string;
}

/** Sets ingestion jobs to the state of their versions, in the transaction that changes these. A cancelled job stays cancelled. */
export async function setIngestionJobs(
  db: Db,
  workspaceId: string,
  jobIds: readonly string[],
  change: IngestionJobChange,
): Promise<void> {
  if (jobIds.length === 0) return;
  await db.query(
    `WITH changed AS (
     UPDATE dbrag.jobs
     SET status = $3, error = $4, why = $5, waiting_until = NULL, nudged_at = NULL, nudges = 0,
         attempts = attempts + CASE WHEN $3 = 'running' THEN 1 ELSE 0 END,
         started_at = CASE WHEN $3 = 'running' THEN coalesce(started_at, now()) ELSE started_at END,
         finished_at = CASE WHEN $3 IN ('succeeded', 'failed', 'cancelled') THEN now() END
     WHERE workspace_id = $1 AND id = ANY($2::uuid[]) RETURNING id)
     ${announceChanged(`$3 IN ('succeeded', 'failed')`)}`,
    [workspaceId, jobIds, change.status, change.error ?? null, change.why ?? null],
  );
}
