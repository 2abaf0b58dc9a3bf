import type { z } from 'zod/mini';
import type { Caller } from '../../shared/core/caller.ts';
import { acceptDocument } from '../../shared/ingestion/accept-document.ts';
import type { AcceptedDocument } from '../../shared/ingestion/accepted-document.ts';
import { nudgeIngestion } from '../../shared/ingestion/nudge-ingestion.ts';
import { changeReply, replayReply } from './change-reply.ts';
import type { createDocument } from './contract/documents.ts';
import type { Reply, RouteContext } from './route.ts';
import { firstNudge, logAccepted, postedAudit, storeDocument } from './store-document.ts';
import { documentView } from './views/document-view.ts';
import { jobView } from './views/job-view.ts';

/** Accepts a document whose text came in the request. */
export async function postDocument(
  context: Omit<RouteContext<unknown, unknown, Caller>, 'query'>,
  body: z.output<typeof createDocument>,
): Promise<Reply> {
  const { caller, services } = context;
  const { workspaceId } = caller;
  const replay = await replayReply(context);
  if (replay) return replay;
  const [stored, quotas] = await Promise.all([
    storeDocument(services, workspaceId, body),
    services.quotas.of(workspaceId),
    services.sweep.arm(),
  ]);
  await services.failpoint.reach('s3.after_put');
  let accepted: AcceptedDocument | undefined;
  const reply = await changeReply(context, async (db) => {
    const about = { workspaceId, createdBy: caller.actor, now: services.clock.now(), status: 'queued' } as const;
    accepted = await acceptDocument(db, { ...about, ...stored, quotas });
    const document = documentView(accepted.document);
    const job = jobView(accepted.job);
    return {
      status: 202,
      headers: { location: `/v1/jobs/${job.id}` },
      body: { document, job },
      audit: [postedAudit(accepted)],
    };
  });
  if (accepted) {
    await services.failpoint.reach('api.after_row_commit');
    await nudgeIngestion(services.queue, firstNudge(workspaceId, accepted));
    await services.failpoint.reach('api.after_send');
    logAccepted(services, workspaceId, accepted);
  }
  await services.failpoint.reach('api.before_response');
  return reply;
}
