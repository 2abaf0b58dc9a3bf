import type { Db } from '../core/database.ts';
import { finishJob, restartJob } from '../jobs/finish-job.ts';
import type { JobKind } from '../jobs/job-kinds.ts';
import { homePartition, rebuildDeadlineMilliseconds, rebuildNudge } from './rebuild-index.ts';

/**
 * Cancelling ends the job only. A build that has started is finished anyway: all workspaces in the partition share the index, and an
 * incomplete one would only have to be removed.
 */
export const rebuildJobs: JobKind = {
  async cancel(db, workspaceId, job) {
    const why = 'Cancelled. A build that had begun is finished all the same: other workspaces search by the index too.';
    await finishJob(db, workspaceId, job.id, { status: 'cancelled', why });
  },
  async retry(db, workspaceId, jobs, now) {
    const restarted = [];
    const deadline = new Date(now.getTime() + rebuildDeadlineMilliseconds);
    for (const { id } of jobs) {
      if (!(await mayRestart(db, workspaceId, id))) continue;
      if (!(await restartJob(db, workspaceId, id, deadline))) continue;
      // Only a job that has not started asks the autopilot for a build.
      await db.query('UPDATE dbrag.jobs SET started_at = NULL WHERE workspace_id = $1 AND id = $2', [workspaceId, id]);
      restarted.push({ jobId: id, nudge: rebuildNudge(workspaceId, id) });
    }
    return restarted;
  },
  refusal: "Another job is already rebuilding this index, or the workspace's vectors are in another partition.",
};

async function mayRestart(db: Db, workspaceId: string, id: string): Promise<boolean> {
  const home = await homePartition(db, workspaceId);
  const { rows } = await db.query<{ partition: string; running: boolean }>(
    `SELECT input ->> 'partition' AS partition, EXISTS (
       SELECT FROM dbrag.jobs other WHERE other.workspace_id = $1 AND other.type = 'rebuild_index'
         AND other.status IN ('queued', 'running')) AS running
     FROM dbrag.jobs WHERE workspace_id = $1 AND id = $2`,
    [workspaceId, id],
  );
  return rows[0]?.running === false && home !== undefined && rows[0].partition === home;
}
