import { type ApiKey, createApiKey, listApiKeys, revokeApiKey } from '../../../shared/access/api-keys.ts';
import { inheritNarrowing, inheritRateLimits } from '../../../shared/access/narrow.ts';
import { mayActAs } from '../../../shared/core/caller.ts';
import { DbragError, validationFailed } from '../../../shared/core/errors.ts';
import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { changeReply } from '../change-reply.ts';
import { listOf, listQuery } from '../contract/primitives.ts';
import * as contract from '../contract/workspaces.ts';
import { listReply, pageRequest } from '../list-reply.ts';
import { narrowingOf, requireNarrowing } from '../narrowing.ts';
import { defineRoute } from '../route.ts';

const tag = 'API keys';

function apiKeyView(key: ApiKey) {
  return {
    id: publicId('apiKey', key.id),
    object: 'api_key' as const,
    name: key.name,
    role: key.role,
    collection_ids: key.collection_ids?.map((id) => publicId('collection', id)) ?? null,
    connection_ids: key.connection_ids?.map((id) => publicId('connection', id)) ?? null,
    rate_limits: key.rate_limits,
    created_at: key.created_at.toISOString(),
    expires_at: key.expires_at?.toISOString() ?? null,
    last_used_at: key.last_used_at?.toISOString() ?? null,
  };
}

export const apiKeyRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/api-keys',
    access: 'admin',
    rate: 'write',
    tag,
    summary: 'Create an API key',
    body: contract.createApiKey,
    idempotent: true,
    success: { status: 201, description: 'The key; its secret is shown once', schema: contract.createdApiKey },
    async handle(context) {
      const { caller, body, services } = context;
      // Nobody may grant more than they have.
      if (!mayActAs(caller, body.role))
        throw new DbragError('forbidden', `A key of role ${caller.role} cannot create one of role ${body.role}.`);
      const expiresAt = body.expires_at ?? null;
      if (expiresAt !== null && new Date(expiresAt) <= services.clock.now()) {
        throw validationFailed([{ pointer: '/expires_at', detail: 'Must be in the future' }]);
      }
      const narrowing = inheritNarrowing(caller, narrowingOf(body));
      return changeReply(context, async (db) => {
        await requireNarrowing(db, caller.workspaceId, narrowing);
        const { apiKey, secret } = await createApiKey(db, caller.workspaceId, {
          name: body.name,
          role: body.role,
          expiresAt,
          rateLimits: inheritRateLimits(caller, body.rate_limits ?? null),
          ...narrowing,
          createdBy: caller.actor,
        });
        const view = apiKeyView(apiKey);
        return {
          status: 201,
          body: { ...view, secret },
          replayBody: view,
          audit: [
            { action: 'api_key.create', resourceType: 'api_key', resourceId: view.id, detail: { role: body.role } },
          ],
        };
      });
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/api-keys',
    access: 'admin',
    rate: 'read',
    tag,
    summary: 'List API keys',
    query: listQuery,
    success: { status: 200, description: 'Keys without their secrets, newest first', schema: listOf(contract.apiKey) },
    async handle({ caller, query, services }) {
      const page = await services.database.inWorkspace(caller, (db) =>
        listApiKeys(db, caller.workspaceId, pageRequest('apiKey', query)),
      );
      return listReply(page, apiKeyView, (view) => view.id);
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/api-keys/{id}',
    access: 'admin',
    rate: 'write',
    tag,
    summary: 'Revoke an API key',
    success: { status: 204, description: 'Revoked: refused everywhere within a minute' },
    async handle(context) {
      const { caller, parameters } = context;
      const id = parsePublicId('apiKey', parameters.id ?? '');
      return changeReply(context, async (db) => {
        await revokeApiKey(db, caller, id);
        return {
          status: 204,
          body: undefined,
          audit: [{ action: 'api_key.revoke', resourceType: 'api_key', resourceId: publicId('apiKey', id) }],
        };
      });
    },
  }),
];
