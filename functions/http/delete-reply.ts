import type { AuditEntry } from '../../shared/access/audit.ts';
import type { Caller } from '../../shared/core/caller.ts';
import type { Db } from '../../shared/core/database.ts';
import { publicId } from '../../shared/core/ids.ts';
import { type BegunDeletion, nudgeDeletion } from '../../shared/ingestion/delete-document.ts';
import { getJob } from '../../shared/jobs/jobs.ts';
import { changeReply } from './change-reply.ts';
import type { Reply, RouteContext } from './route.ts';
import { jobView } from './views/job-view.ts';

type Context = Omit<RouteContext<unknown, unknown, Caller>, 'query' | 'body'>;

/**
 * Begins a deletion and answers with its job. Asked again while it is under way, it answers with the same job and nudges it;
 * only the first time is a change that the audit trail records.
 */
export async function deleteReply(
  context: Context,
  begin: (db: Db) => Promise<BegunDeletion>,
  audit: AuditEntry,
): Promise<Reply> {
  const { caller, services } = context;
  await services.sweep.arm();
  let accepted: string | undefined;
  const reply = await changeReply(context, async (db) => {
    const { jobId, begun } = await begin(db);
    accepted = jobId;
    return {
      status: 202,
      headers: { location: `/v1/jobs/${publicId('job', jobId)}` },
      body: { job: jobView(await getJob(db, caller.workspaceId, jobId)) },
      audit: begun ? [audit] : [],
    };
  });
  await services.failpoint.reach('delete.after_tombstone');
  if (accepted) await nudgeDeletion(services.queue, caller.workspaceId, accepted);
  return reply;
}
