import type { AuditEntry } from '../../shared/access/audit.ts';
import type { Caller } from '../../shared/core/caller.ts';
import { publicId } from '../../shared/core/ids.ts';
import { sendNudges } from '../../shared/core/work-queue.ts';
import type { RestartedJob } from '../../shared/jobs/job-kinds.ts';
import { type RetryFilter, retrySlice } from '../../shared/jobs/retry-jobs.ts';
import { changeReply, replayReply } from './change-reply.ts';
import { jobKinds } from './job-kinds.ts';
import type { Reply, RouteContext } from './route.ts';

type Context = Omit<RouteContext<unknown, unknown, Caller>, 'query' | 'body'>;

/** Well below the time limit of a request: the response says that more is left, and the caller repeats the request. */
const longestMilliseconds = 10_000;

/**
 * Restarts all jobs that match a filter, one slice per transaction, until there are no more or time is up. Slices are independent: after
 * a crash, those that were committed stay restarted, and the same request continues with the rest. The last transaction stores the
 * answer under the `Idempotency-Key`.
 */
export async function retryJobs(context: Context, filter: RetryFilter): Promise<Reply> {
  const { services } = context;
  const replay = await replayReply(context);
  if (replay) return replay;
  await services.sweep.arm();
  const until = performance.now() + longestMilliseconds;
  let retried = 0;
  let after: string | undefined;
  do {
    const slice = await retryOnce(context, filter, after);
    retried += slice.restarted.length;
    after = slice.after;
  } while (after !== undefined && performance.now() < until);
  return changeReply(context, async () => ({
    status: 202,
    body: { object: 'retried_jobs', retried, has_more: after !== undefined },
    audit: [],
  }));
}

async function retryOnce({ caller, origin, services }: Context, filter: RetryFilter, after: string | undefined) {
  const { queue, clock } = services;
  let slice: Awaited<ReturnType<typeof retrySlice>> = { restarted: [], after: undefined };
  await changeReply({ caller, origin, services, idempotency: undefined }, async (db) => {
    slice = await retrySlice(db, jobKinds, caller.workspaceId, filter, after, clock.now());
    return { status: 200, body: null, audit: slice.restarted.map(retryAudit) };
  });
  await sendNudges(
    queue,
    slice.restarted.map(({ nudge }) => nudge),
  );
  return slice;
}

export function retryAudit({ jobId }: RestartedJob): AuditEntry {
  return { action: 'job.retry', resourceType: 'job', resourceId: publicId('job', jobId) };
}
