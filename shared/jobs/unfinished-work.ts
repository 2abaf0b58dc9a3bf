import type { Db } from '../core/database.ts';
import type { Priority } from '../core/work-queue.ts';
import type { JobType } from './jobs.ts';

/** A row that is not finished, as the sweeper sees it. */
export interface UnfinishedWork {
  readonly kind: 'version' | 'job';
  readonly workspace_id: string;
  readonly document_id: string | null;
  readonly version: number | null;
  readonly attempt: number;
  readonly job_id: string;
  readonly job_type: JobType;
  readonly status: string;
  /** For a version: it was read and split, and lacks only vectors. */
  readonly is_split: boolean;
  readonly priority: Priority;
  readonly waiting_until: Date | null;
  readonly nudged_at: Date | null;
  readonly nudges: number;
  readonly created_at: Date;
  readonly deadline_at: Date;
}

/** Unfinished work, earliest due first: up to this many versions of each priority, and as many other jobs. */
export async function findUnfinished(db: Db, pageSize: number): Promise<readonly UnfinishedWork[]> {
  const { rows } = await db.query<UnfinishedWork>('SELECT * FROM dbrag.unfinished_work($1)', [pageSize]);
  return rows;
}

/**
 * Records that work of a workspace was nudged: its back-off doubles. A version that is locked is being changed right now and is skipped,
 * since waiting for it without the lock of its document could deadlock.
 */
export async function noteNudges(db: Db, workspaceId: string, work: readonly UnfinishedWork[]): Promise<void> {
  const versions = work.filter(({ kind }) => kind === 'version');
  const jobs = work.filter(({ kind }) => kind === 'job');
  if (versions.length > 0) {
    await db.query(
      `UPDATE dbrag.document_versions v SET nudged_at = now(), nudges = v.nudges + 1
       FROM (SELECT u.document_id, u.version FROM dbrag.document_versions u
             JOIN unnest($2::uuid[], $3::int[]) AS nudged (document_id, version) USING (document_id, version)
             WHERE u.workspace_id = $1 FOR UPDATE OF u SKIP LOCKED) free
       WHERE v.workspace_id = $1 AND v.document_id = free.document_id AND v.version = free.version`,
      [workspaceId, versions.map((row) => row.document_id), versions.map((row) => row.version)],
    );
  }
  if (jobs.length > 0) {
    await db.query(
      'UPDATE dbrag.jobs SET nudged_at = now(), nudges = nudges + 1 WHERE workspace_id = $1 AND id = ANY($2::uuid[])',
      [workspaceId, jobs.map((row) => row.job_id)],
    );
  }
}
