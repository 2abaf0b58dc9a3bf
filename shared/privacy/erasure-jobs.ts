import { restartJob } from '../jobs/finish-job.ts';
import type { JobKind } from '../jobs/job-kinds.ts';
import { erasureDeadlineMilliseconds, erasureNudge } from './erasure.ts';

/** An erasure is never cancelled: what was acknowledged must come true. */
export const erasureJobs: JobKind = {
  async retry(db, workspaceId, jobs, now) {
    const deadline = new Date(now.getTime() + erasureDeadlineMilliseconds);
    const restarted = [];
    for (const { id } of jobs)
      if (await restartJob(db, workspaceId, id, deadline))
        restarted.push({ jobId: id, nudge: erasureNudge(workspaceId, id) });
    return restarted;
  },
};
