import { createHash } from 'node:crypto';
import { defaultAuditRetentionDays } from '../../../shared/access/expire-trail.ts';
import {
  createWorkspace,
  defaultRetentionDays,
  getWorkspace,
  listWorkspaces,
  updateWorkspace,
  type Workspace,
  type WorkspaceSettings,
} from '../../../shared/access/workspaces.ts';
import { wholeWorkspace } from '../../../shared/core/caller.ts';
import type { Config } from '../../../shared/core/config-shape.ts';
import { validationFailed } from '../../../shared/core/errors.ts';
import { newUuid, publicId } from '../../../shared/core/ids.ts';
import { changeReply } from '../change-reply.ts';
import { listOf, listQuery } from '../contract/primitives.ts';
import * as contract from '../contract/workspaces.ts';
import { listReply, pageRequest } from '../list-reply.ts';
import { defineRoute, type IdempotencyRequest, ok } from '../route.ts';

const tag = 'Workspaces';

function listedWorkspaceView(workspace: Workspace) {
  return {
    id: publicId('workspace', workspace.id),
    object: 'workspace' as const,
    name: workspace.name,
    created_at: workspace.created_at.toISOString(),
  };
}

function workspaceView(workspace: Workspace & WorkspaceSettings, { models }: Config) {
  const choices = [...new Set([models.chatModel, ...models.chatModelChoices])];
  const chosen = workspace.chat_model;
  return {
    ...listedWorkspaceView(workspace),
    retention_days: workspace.retention_days ?? defaultRetentionDays,
    document_retention_days: workspace.document_retention_days,
    audit_retention_days: workspace.audit_retention_days ?? defaultAuditRetentionDays,
    chat_model: chosen !== null && choices.includes(chosen) ? chosen : models.chatModel,
    chat_models: choices,
  };
}

function refuseUnknownModel(chosen: string | null | undefined, { models }: Config): void {
  const choices = [...new Set([models.chatModel, ...models.chatModelChoices])];
  if (chosen === undefined || chosen === null || choices.includes(chosen)) return;
  throw validationFailed([{ pointer: '/chat_model', detail: `Must be one of ${choices.join(', ')}` }]);
}

/**
 * The answer of the first call is stored in the workspace that it created, so a repeated call must find that workspace: under an
 * `Idempotency-Key` its id is derived from the key.
 */
function workspaceIdFor(idempotency: IdempotencyRequest | undefined): string {
  if (!idempotency) return newUuid();
  const hash = createHash('sha256').update(`workspace ${idempotency.key}`).digest();
  hash[6] = 0x80 | ((hash[6] as number) & 0x0f);
  hash[8] = 0x80 | ((hash[8] as number) & 0x3f);
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export const workspaceRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/workspaces',
    access: 'operator',
    rate: 'none',
    tag,
    summary: 'Create a workspace and its first API key',
    body: contract.createWorkspace,
    idempotent: true,
    success: { status: 201, description: 'The workspace; its key is shown once', schema: contract.createdWorkspace },
    async handle({ body, services, origin, idempotency }) {
      const id = workspaceIdFor(idempotency);
      const caller = { workspaceId: id, actor: 'operator', ...wholeWorkspace };
      return changeReply({ caller, services, origin, idempotency }, async (db) => {
        const { workspace, apiKeyId, secret } = await createWorkspace(db, id, body.name);
        const view = listedWorkspaceView(workspace);
        const keyId = publicId('apiKey', apiKeyId);
        return {
          status: 201,
          headers: { location: '/v1/workspace' },
          body: { ...view, api_key: { id: keyId, secret } },
          replayBody: { ...view, api_key: { id: keyId } },
          audit: [{ action: 'workspace.create', resourceType: 'workspace', resourceId: view.id }],
        };
      });
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/workspaces',
    access: 'operator',
    rate: 'none',
    tag,
    summary: 'List workspaces',
    query: listQuery,
    success: { status: 200, description: 'Workspaces, newest first', schema: listOf(contract.listedWorkspace) },
    async handle({ query, services }) {
      const page = await services.database.inSystem((db) => listWorkspaces(db, pageRequest('workspace', query)));
      return listReply(page, listedWorkspaceView, (view) => view.id);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/workspace',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'The workspace of the caller',
    success: { status: 200, description: 'The workspace', schema: contract.workspace },
    async handle({ caller, services }) {
      return ok(
        workspaceView(
          await services.database.inWorkspace(caller, (db) => getWorkspace(db, caller.workspaceId)),
          services.config,
        ),
      );
    },
  }),
  defineRoute({
    method: 'PATCH',
    path: '/v1/workspace',
    access: 'admin',
    rate: 'write',
    tag,
    summary: 'Change the workspace',
    wholeWorkspace: true,
    body: contract.updateWorkspace,
    success: { status: 200, description: 'The workspace', schema: contract.workspace },
    async handle(context) {
      const { caller, body, services } = context;
      refuseUnknownModel(body.chat_model, services.config);
      return changeReply(context, async (db) => {
        const view = workspaceView(await updateWorkspace(db, caller.workspaceId, body), services.config);
        return {
          status: 200,
          body: view,
          audit: [
            { action: 'workspace.update', resourceType: 'workspace', resourceId: view.id, detail: { changed: body } },
          ],
        };
      });
    },
  }),
];
