import { DbragError } from '../../../shared/core/errors.ts';
import { newUuid, parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { acceptDocument } from '../../../shared/ingestion/accept-document.ts';
import { uploadPrefix, uploadSource } from '../../../shared/ingestion/object-keys.ts';
import { isSidecar } from '../../../shared/ingestion/upload-sidecar.ts';
import type { Services } from '../../runtime/services.ts';
import { changeReply } from '../change-reply.ts';
import { acceptedUpload, createUpload } from '../contract/documents.ts';
import { defineRoute } from '../route.ts';
import { documentView } from '../views/document-view.ts';
import { jobView } from '../views/job-view.ts';

interface StoredUpload {
  readonly document_id: string;
  readonly job: unknown;
  /** What a new signature is made from when the response is replayed. */
  readonly upload: { readonly key: string; readonly contentType: string; readonly bytes: number };
}

/** The last segment of a document's key, made from its name: no folder, no segment that a URL resolves away, no sidecar. */
function fileName(name: string): string {
  const flat = name.replaceAll('/', '_');
  return /^\.+$/.test(flat) || isSidecar(flat) ? `${flat}_` : flat;
}

async function signed({ document_id, job, upload }: StoredUpload, services: Services) {
  const { url, headers, expiresAt } = await services.objects.presignPut(upload.key, {
    contentType: upload.contentType,
    bytes: upload.bytes,
  });
  return { document_id, job, upload: { method: 'PUT', url, headers, expires_at: expiresAt.toISOString() } };
}

export const uploadRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/uploads',
    access: 'editor',
    rate: 'write',
    tag: 'Documents',
    summary: 'Announce a file and get an upload URL for it',
    body: createUpload,
    idempotent: true,
    success: {
      status: 201,
      description: 'A URL for one PUT of this length and type; the PUT starts the ingestion',
      schema: acceptedUpload,
    },
    async handle(context) {
      const { caller, body, services } = context;
      if (body.size_bytes > services.config.maximumFileBytes) {
        throw new DbragError('payload_too_large', `A file may have ${services.config.maximumFileBytes} bytes.`);
      }
      const collectionId = parsePublicId('collection', body.collection_id);
      const documentId = newUuid();
      // A folder for each document: two files of the same name are two documents.
      const key = `${uploadPrefix(caller.workspaceId, collectionId)}${publicId('document', documentId)}/${fileName(body.name)}`;
      const [quotas] = await Promise.all([services.quotas.of(caller.workspaceId), services.sweep.arm()]);
      const reply = await changeReply(context, async (db) => {
        const accepted = await acceptDocument(db, {
          workspaceId: caller.workspaceId,
          collectionId,
          name: body.name,
          contentType: body.content_type,
          bytes: body.size_bytes,
          metadata: body.metadata,
          sourceUri: uploadSource(key),
          priority: body.priority ?? 'default',
          object: { key, versionId: null },
          status: 'awaiting_upload',
          documentId,
          createdBy: caller.actor,
          now: services.clock.now(),
          quotas,
        });
        const document = documentView(accepted.document);
        const stored: StoredUpload = {
          document_id: document.id,
          job: jobView(accepted.job),
          upload: { key, contentType: body.content_type, bytes: body.size_bytes },
        };
        return {
          status: 201,
          body: stored,
          headers: { location: `/v1/documents/${document.id}` },
          audit: [
            { action: 'document.create', resourceType: 'document', resourceId: document.id, detail: { upload: true } },
          ],
        };
      });
      return { ...reply, body: await signed(reply.body as StoredUpload, services) };
    },
  }),
];
