import type { Db } from '../../../shared/core/database.ts';
import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import {
  countCollection,
  createCollection,
  getCollection,
  listCollections,
  requireRoomForCollection,
  updateCollection,
} from '../../../shared/ingestion/collections.ts';
import { beginCollectionDeletion } from '../../../shared/ingestion/delete-collection.ts';
import { changeReply } from '../change-reply.ts';
import * as contract from '../contract/collections.ts';
import { acceptedJob } from '../contract/jobs.ts';
import { listOf, listQuery } from '../contract/primitives.ts';
import { deleteReply } from '../delete-reply.ts';
import { listReply, pageRequest } from '../list-reply.ts';
import { defineRoute, ok } from '../route.ts';
import { collectionView, collectionWithCountsView } from '../views/collection-view.ts';

const tag = 'Collections';

export const collectionRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/collections',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Create a collection',
    wholeWorkspace: true,
    body: contract.createCollection,
    idempotent: true,
    success: { status: 201, description: 'The collection', schema: contract.collection },
    async handle(context) {
      const { caller, body, services } = context;
      const quotas = await services.quotas.of(caller.workspaceId);
      return changeReply(context, async (db) => {
        await requireRoomForCollection(db, caller.workspaceId, quotas, services.clock.now());
        const view = collectionView(await createCollection(db, caller.workspaceId, body));
        return {
          status: 201,
          headers: { location: `/v1/collections/${view.id}` },
          body: view,
          audit: [{ action: 'collection.create', resourceType: 'collection', resourceId: view.id }],
        };
      });
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/collections',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'List collections',
    query: listQuery,
    success: { status: 200, description: 'Collections, newest first', schema: listOf(contract.collection) },
    async handle({ caller, query, services }) {
      const page = await services.database.inWorkspace(caller, (db) =>
        listCollections(db, caller.workspaceId, pageRequest('collection', query)),
      );
      return listReply(page, collectionView, (view) => view.id);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/collections/{id}',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'A collection and its contents',
    success: { status: 200, description: 'The collection', schema: contract.collectionWithCounts },
    async handle({ caller, parameters, services }) {
      const id = parsePublicId('collection', parameters.id ?? '');
      return services.database.inWorkspace(caller, async (db) => {
        const collection = await getCollection(db, caller.workspaceId, id);
        return ok(collectionWithCountsView(collection, await countCollection(db, caller.workspaceId, id)));
      });
    },
  }),
  defineRoute({
    method: 'PATCH',
    path: '/v1/collections/{id}',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Change a collection',
    body: contract.updateCollection,
    success: { status: 200, description: 'The collection', schema: contract.collection },
    async handle(context) {
      const { caller, body, parameters } = context;
      const id = parsePublicId('collection', parameters.id ?? '');
      return changeReply(context, async (db) => {
        const view = collectionView(await updateCollection(db, caller.workspaceId, id, body));
        return {
          status: 200,
          body: view,
          audit: [{ action: 'collection.update', resourceType: 'collection', resourceId: publicId('collection', id) }],
        };
      });
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/collections/{id}',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Delete a collection and its documents',
    success: {
      status: 202,
      description: 'Invisible from now on; the job removes the documents, their files and the collection',
      schema: acceptedJob,
    },
    async handle(context) {
      const { caller, parameters, services } = context;
      const id = parsePublicId('collection', parameters.id ?? '');
      const begin = (db: Db) => beginCollectionDeletion(db, services, caller.workspaceId, id, caller.actor);
      return deleteReply(context, begin, {
        action: 'collection.delete',
        resourceType: 'collection',
        resourceId: publicId('collection', id),
      });
    },
  }),
];
