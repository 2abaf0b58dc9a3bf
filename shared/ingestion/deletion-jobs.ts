import type { Db } from '../core/database.ts';
import { restartJob } from '../jobs/finish-job.ts';
import type { JobKind, RestartedJob } from '../jobs/job-kinds.ts';
import type { Job } from '../jobs/jobs.ts';
import { deletionDeadlineMilliseconds, deletionNudge, runningDeletion } from './delete-document.ts';

/** A deletion cannot be cancelled: the removal was promised, and some of it is gone already. */
export const deletionJobs: JobKind = { retry, refusal: 'Another job is already deleting it.' };

async function retry(db: Db, workspaceId: string, jobs: readonly Job[], now: Date): Promise<readonly RestartedJob[]> {
  const deadline = new Date(now.getTime() + deletionDeadlineMilliseconds);
  const restarted: RestartedJob[] = [];
  for (const { id, document_id: documentId, collection_id: collectionId } of jobs) {
    if (await runningDeletion(db, workspaceId, documentId, collectionId)) continue;
    if (await restartJob(db, workspaceId, id, deadline))
      restarted.push({ jobId: id, nudge: deletionNudge(workspaceId, id) });
  }
  return restarted;
}
