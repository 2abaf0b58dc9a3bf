import type { Db } from '../../../shared/core/database.ts';
import { DbragError, validationFailed } from '../../../shared/core/errors.ts';
import { parsePublicId } from '../../../shared/core/ids.ts';
import { requireCollections } from '../../../shared/ingestion/collections.ts';
import { beginDeletion, deletionAudit } from '../../../shared/ingestion/delete-document.ts';
import {
  findOrdinal,
  getDocument,
  getVersion,
  listChunks,
  listDocuments,
  listVersions,
  updateDocument,
} from '../../../shared/ingestion/documents.ts';
import { changeReply } from '../change-reply.ts';
import * as contract from '../contract/documents.ts';
import { acceptedJob } from '../contract/jobs.ts';
import { listOf, listQuery } from '../contract/primitives.ts';
import { deleteReply } from '../delete-reply.ts';
import { afterId, listReply, pageRequest } from '../list-reply.ts';
import { postDocument } from '../post-document.ts';
import { postDocuments } from '../post-documents.ts';
import { postReingestion } from '../post-reingestion.ts';
import { defineRoute, ok } from '../route.ts';
import { chunkView, documentView, versionView } from '../views/document-view.ts';

const tag = 'Documents';

function versionNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw validationFailed([{ pointer: '/after', detail: 'Must be a version number' }]);
  return Number(text);
}

export const documentRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/documents',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Post a document',
    body: contract.createDocument,
    idempotent: true,
    success: {
      status: 202,
      description: 'Accepted: the document and its ingestion job',
      schema: contract.acceptedDocument,
    },
    async handle(context) {
      return postDocument(context, context.body);
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/documents/batch',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Post up to 1,000 documents',
    body: contract.createDocuments,
    describedBody: contract.describedDocuments,
    idempotent: true,
    success: {
      status: 202,
      description: 'The outcome of each, in order: accepted with its job, or refused individually with a reason',
      schema: contract.acceptedDocuments,
    },
    async handle(context) {
      const { body } = context;
      return postDocuments(context, Array.isArray(body) ? body : body.documents);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/documents',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'List documents',
    query: contract.listDocuments,
    success: { status: 200, description: 'Documents, newest first', schema: listOf(contract.document) },
    async handle({ caller, query, services }) {
      const filter = {
        collectionId: query.collection_id === undefined ? undefined : parsePublicId('collection', query.collection_id),
        status: query.status,
      };
      const page = await services.database.inWorkspace(caller, async (db) => {
        if (filter.collectionId) await requireCollections(db, caller.workspaceId, [filter.collectionId]);
        return listDocuments(db, caller.workspaceId, filter, pageRequest('document', query));
      });
      return listReply(page, documentView, (view) => view.id);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/documents/{id}',
    access: 'reader',
    rate: 'poll',
    tag,
    summary: 'A document',
    success: { status: 200, description: 'The document', schema: contract.document },
    async handle({ caller, parameters, services }) {
      const id = parsePublicId('document', parameters.id ?? '');
      return ok(
        documentView(await services.database.inWorkspace(caller, (db) => getDocument(db, caller.workspaceId, id))),
      );
    },
  }),
  defineRoute({
    method: 'PATCH',
    path: '/v1/documents/{id}',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Rename a document or change its labels',
    body: contract.updateDocument,
    success: { status: 200, description: 'The document', schema: contract.document },
    async handle(context) {
      const { caller, body, parameters } = context;
      const id = parsePublicId('document', parameters.id ?? '');
      return changeReply(context, async (db) => {
        const view = documentView(await updateDocument(db, caller.workspaceId, id, body));
        return {
          status: 200,
          body: view,
          audit: [{ action: 'document.update', resourceType: 'document', resourceId: view.id }],
        };
      });
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/documents/{id}',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Delete a document',
    success: {
      status: 202,
      description: 'Invisible from now on; the job removes its rows and files',
      schema: acceptedJob,
    },
    async handle(context) {
      const { caller, parameters, services } = context;
      const id = parsePublicId('document', parameters.id ?? '');
      const begin = (db: Db) => beginDeletion(db, services, caller.workspaceId, id, caller.actor);
      return deleteReply(context, begin, deletionAudit(id));
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/documents/{id}/content',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'A download URL for the original file',
    success: { status: 200, description: 'A URL that is valid for 15 minutes', schema: contract.content },
    dataAccess: { action: 'document.read', resourceType: 'document' },
    async handle({ caller, parameters, services }) {
      const id = parsePublicId('document', parameters.id ?? '');
      const { document, version } = await services.database.inWorkspace(caller, async (db) => {
        const found = await getDocument(db, caller.workspaceId, id);
        return {
          document: found,
          version: await getVersion(db, caller.workspaceId, id, found.live_version ?? found.version),
        };
      });
      if (version.status === 'awaiting_upload')
        throw new DbragError('not_found', 'The file of this document has not been uploaded yet.');
      const signed = await services.objects.presignGet(version.s3_key, {
        versionId: version.s3_version_id ?? undefined,
        fileName: document.name,
        contentType: document.content_type ?? undefined,
      });
      return ok({ url: signed.url, expires_at: signed.expiresAt.toISOString() });
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/documents/{id}/chunks',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'The chunks of a document',
    query: contract.listChunks,
    success: {
      status: 200,
      description: 'Chunks of the live version, in the order of the text',
      schema: listOf(contract.chunk),
    },
    dataAccess: { action: 'document.read', resourceType: 'document' },
    async handle({ caller, parameters, query, services }) {
      const id = parsePublicId('document', parameters.id ?? '');
      const page = await services.database.inWorkspace(caller, async (db) => {
        const document = await getDocument(db, caller.workspaceId, id);
        const version = query.version ?? document.live_version ?? document.version;
        const { removed_at: removedAt } = await getVersion(db, caller.workspaceId, id, version);
        if (removedAt) throw new DbragError('not_found', 'The chunks of this version were removed.');
        if (query.after === undefined) return listChunks(db, caller.workspaceId, id, version, { limit: query.limit });
        const after = await findOrdinal(db, caller.workspaceId, id, version, afterId('chunk', query.after));
        if (typeof after !== 'number') return { items: [], hasMore: false };
        return listChunks(db, caller.workspaceId, id, version, { limit: query.limit, after });
      });
      return listReply(page, chunkView, (view) => view.id);
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/documents/{id}/reingest',
    access: 'editor',
    rate: 'write',
    tag,
    summary: "Ingest a document's stored file again",
    body: contract.reingestDocument,
    idempotent: true,
    success: {
      status: 202,
      description: 'Accepted: its next version and the ingestion job. Unchanged text is not embedded again',
      schema: contract.acceptedDocument,
    },
    async handle(context) {
      return postReingestion(context, parsePublicId('document', context.parameters.id ?? ''), context.body);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/documents/{id}/versions',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'The versions of a document',
    query: listQuery,
    success: {
      status: 200,
      description: 'Versions, newest first; `after` is a version number',
      schema: listOf(contract.version),
    },
    async handle({ caller, parameters, query, services }) {
      const id = parsePublicId('document', parameters.id ?? '');
      const after = query.after === undefined ? undefined : versionNumber(query.after);
      const page = await services.database.inWorkspace(caller, async (db) => {
        await getDocument(db, caller.workspaceId, id);
        return listVersions(db, caller.workspaceId, id, { limit: query.limit, after });
      });
      return listReply(page, versionView, (view) => String(view.version));
    },
  }),
];
