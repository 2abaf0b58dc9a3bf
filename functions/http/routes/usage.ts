import { getWorkspace } from '../../../shared/access/workspaces.ts';
import { wholeWorkspace } from '../../../shared/core/caller.ts';
import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { readQuotaState } from '../../../shared/limits/quota-state.ts';
import { quotasOf } from '../../../shared/limits/quotas.ts';
import { readWorkspaceLimits, setWorkspaceLimits } from '../../../shared/limits/workspace-limits.ts';
import type { Services } from '../../runtime/services.ts';
import { changeReply } from '../change-reply.ts';
import * as contract from '../contract/usage.ts';
import { defineRoute, ok, type Reply } from '../route.ts';
import { usageReply } from '../usage-reply.ts';

const tag = 'Usage and limits';
const operatorOf = (workspaceId: string) => ({ workspaceId, actor: 'operator', ...wholeWorkspace });

async function quotasReply({ database, config, clock }: Services, workspaceId: string): Promise<Reply> {
  const now = clock.now();
  const state = await database.inWorkspace({ workspaceId }, async (db) => {
    const limits = quotasOf(config.quotas, (await readWorkspaceLimits(db, workspaceId)).quotas);
    return readQuotaState(db, workspaceId, limits, now);
  });
  return ok({
    object: 'list',
    data: state.map(({ resource, used, limit, resetsAt }) => ({
      resource,
      used,
      limit,
      resets_at: resetsAt?.toISOString() ?? null,
    })),
  });
}

/** @throws not_found */
async function requireWorkspace({ database }: Services, workspaceId: string): Promise<void> {
  await database.inWorkspace({ workspaceId }, (db) => getWorkspace(db, workspaceId));
}

export const usageRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/usage',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'What was spent on models',
    query: contract.readUsage,
    success: { status: 200, description: 'Calls, tokens and dollars by group', schema: contract.usageReport },
    async handle({ caller, query, services }) {
      return usageReply(services, caller, query);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/quotas',
    access: 'reader',
    rate: 'read',
    tag,
    summary: 'Quotas and current consumption',
    success: { status: 200, description: 'One entry per resource', schema: contract.quotaList },
    async handle({ caller, services }) {
      return quotasReply(services, caller.workspaceId);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/workspaces/{id}/usage',
    access: 'operator',
    rate: 'none',
    tag,
    summary: 'What a workspace spent on models',
    query: contract.readUsage,
    success: { status: 200, description: 'Calls, tokens and dollars by group', schema: contract.usageReport },
    async handle({ parameters, query, services }) {
      const id = parsePublicId('workspace', parameters.id ?? '');
      await requireWorkspace(services, id);
      return usageReply(services, { workspaceId: id }, query);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/workspaces/{id}/quotas',
    access: 'operator',
    rate: 'none',
    tag,
    summary: 'Quotas of a workspace and current consumption',
    success: { status: 200, description: 'One entry per resource', schema: contract.quotaList },
    async handle({ parameters, services }) {
      const id = parsePublicId('workspace', parameters.id ?? '');
      await requireWorkspace(services, id);
      return quotasReply(services, id);
    },
  }),
  defineRoute({
    method: 'PATCH',
    path: '/v1/workspaces/{id}',
    access: 'operator',
    rate: 'none',
    tag,
    summary: 'Set quotas and rate limits of a workspace',
    body: contract.setLimits,
    success: {
      status: 200,
      description: 'The workspace with its limits; effective everywhere within 30 seconds',
      schema: contract.limitedWorkspace,
    },
    async handle(context) {
      const { body, parameters, services } = context;
      const id = parsePublicId('workspace', parameters.id ?? '');
      await requireWorkspace(services, id);
      const caller = operatorOf(id);
      const reply = await changeReply({ ...context, caller }, async (db) => {
        const limits = await setWorkspaceLimits(db, id, body);
        const { name, created_at: createdAt } = await getWorkspace(db, id);
        return {
          status: 200,
          body: {
            id: publicId('workspace', id),
            object: 'workspace',
            name,
            created_at: createdAt.toISOString(),
            quotas: limits.quotas ?? {},
            rate_limits: limits.rate_limits ?? {},
          },
          audit: [
            {
              action: 'workspace.limit',
              resourceType: 'workspace',
              resourceId: publicId('workspace', id),
              detail: { changed: body },
            },
          ],
        };
      });
      services.workspaceLimits.forget(id);
      return reply;
    },
  }),
];
