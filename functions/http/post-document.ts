import type { z } from 'zod/mini';
import type { Caller } from '../../shared/core/caller.ts';
import { newUuid, parsePublicId, publicId } from '../../shared/core/ids.ts';
import { type AcceptedDocument, acceptDocument } from '../../shared/ingestion/accept-document.ts';
import { nudgeIngestion } from '../../shared/ingestion/nudge-ingestion.ts';
import { contentKey } from '../../shared/ingestion/object-keys.ts';
import { changeReply, replayReply } from './change-reply.ts';
import type { createDocument } from './contract/documents.ts';
import type { Reply, RouteContext } from './route.ts';
import { documentView } from './views/document-view.ts';
import { jobView } from './views/job-view.ts';

type Body = z.output<typeof createDocument>;

/**
 * Accepts a document whose text came in the request. The bytes are stored first: a row never promises what is nowhere. An object
 * whose transaction then fails has no row and is swept.
 */
export async function postDocument(
  context: Omit<RouteContext<unknown, unknown, Caller>, 'query'>,
  body: Body,
): Promise<Reply> {
  const { caller, services } = context;
  const replay = await replayReply(context);
  if (replay) return replay;
  const collectionId = parsePublicId('collection', body.collection_id);
  const bytes = Buffer.from(body.content, 'utf8');
  const contentType = body.content_type ?? 'text/plain; charset=utf-8';
  const key = contentKey(caller.workspaceId, newUuid());
  const [{ versionId }] = await Promise.all([services.objects.put(key, bytes, { contentType }), services.sweep.arm()]);
  await services.failpoint.reach('s3.after_put');
  let accepted: AcceptedDocument | undefined;
  const reply = await changeReply(context, async (db) => {
    accepted = await acceptDocument(db, {
      workspaceId: caller.workspaceId,
      collectionId,
      name: body.name,
      contentType,
      bytes: bytes.length,
      metadata: body.metadata,
      sourceUri: body.source_uri ?? null,
      priority: body.priority ?? 'default',
      object: { key, versionId: versionId ?? null },
      status: 'queued',
      createdBy: caller.actor,
      now: services.clock.now(),
    });
    const document = documentView(accepted.document);
    const job = jobView(accepted.job);
    return {
      status: 202,
      headers: { location: `/v1/jobs/${job.id}` },
      body: { document, job },
      audit: [
        {
          action: 'document.create',
          resourceType: 'document',
          resourceId: document.id,
          detail: { version: document.version },
        },
      ],
    };
  });
  if (accepted) {
    const { document } = accepted;
    const priority = body.priority ?? 'default';
    await services.failpoint.reach('api.after_row_commit');
    await nudgeIngestion(services.queue, {
      workspaceId: caller.workspaceId,
      documentId: document.id,
      version: document.version,
      attempt: 1,
      priority,
    });
    await services.failpoint.reach('api.after_send');
    services.log.documentAccepted({
      workspaceId: publicId('workspace', caller.workspaceId),
      documentId: publicId('document', document.id),
      version: document.version,
      bytes: bytes.length,
    });
  }
  await services.failpoint.reach('api.before_response');
  return reply;
}
