import type { z } from 'zod/mini';
import type { Caller } from '../../shared/core/caller.ts';
import { nudgeIngestion } from '../../shared/ingestion/nudge-ingestion.ts';
import { type ReingestedDocument, reingestDocument } from '../../shared/ingestion/reingest-document.ts';
import { changeReply } from './change-reply.ts';
import type { reingestDocument as contract } from './contract/documents.ts';
import type { Reply, RouteContext } from './route.ts';
import { documentView } from './views/document-view.ts';
import { jobView } from './views/job-view.ts';

/** Accepts a request to read a document's file again. The row comes first, the message is a nudge. */
export async function postReingestion(
  context: Omit<RouteContext<unknown, unknown, Caller>, 'query'>,
  documentId: string,
  { priority: asked }: z.output<typeof contract>,
): Promise<Reply> {
  const { caller, services } = context;
  const { workspaceId, actor: createdBy } = caller;
  await services.sweep.arm();
  let begun: ReingestedDocument | undefined;
  const reply = await changeReply(context, async (db) => {
    const now = services.clock.now();
    begun = await reingestDocument(db, { workspaceId, documentId, priority: asked, createdBy, now });
    const document = documentView(begun.document);
    const job = jobView(begun.job);
    const detail = { version: document.version };
    return {
      status: 202,
      headers: { location: `/v1/jobs/${job.id}` },
      body: { document, job },
      audit: [{ action: 'document.reingest', resourceType: 'document', resourceId: document.id, detail }],
    };
  });
  if (begun) {
    const { document, priority } = begun;
    await services.failpoint.reach('api.after_row_commit');
    await nudgeIngestion(services.queue, { workspaceId, documentId, version: document.version, attempt: 1, priority });
  }
  return reply;
}
