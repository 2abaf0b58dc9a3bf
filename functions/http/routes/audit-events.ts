import { systemChain } from '../../../shared/access/audit.ts';
import { listAuditEvents, type TrailRow } from '../../../shared/access/audit-events.ts';
import { findSubject } from '../../../shared/access/subjects.ts';
import { openOrigin } from '../../../shared/access/trail-origin.ts';
import { isNarrowed } from '../../../shared/core/caller.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { publicId } from '../../../shared/core/ids.ts';
import * as contract from '../contract/audit-events.ts';
import { listOf } from '../contract/primitives.ts';
import { listReply, pageRequest } from '../list-reply.ts';
import { defineRoute } from '../route.ts';

type Keys = ReadonlyMap<string, Buffer>;

function auditEventView(workspaceId: string, row: TrailRow, keys: Keys) {
  const opened = openOrigin(keys, workspaceId, row.holder, row.origin);
  return {
    id: publicId('auditEvent', row.id),
    object: 'audit_event' as const,
    at: row.at.toISOString(),
    actor: row.actor,
    action: row.action,
    resource_type: row.resource_type,
    resource_id: row.resource_id,
    access_type: row.access_type,
    outcome: row.outcome,
    subject: opened?.subject ?? null,
    ip: opened?.ip ?? row.ip,
    user_agent: opened?.user_agent ?? row.user_agent,
    request_id: row.request_id,
    detail: row.detail,
    sealed: row.sealed,
  };
}

export const auditEventRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/audit-events',
    access: 'operator_or_admin',
    rate: 'read',
    tag: 'Audit',
    summary: 'Who did what: the audit trail',
    query: contract.listAuditEvents,
    success: {
      status: 200,
      description:
        'Events of the workspace, newest first; for the operator, those that belong to no workspace: its own, and refused requests',
      schema: listOf(contract.auditEvent),
    },
    dataAccess: { action: 'audit.read', resourceType: 'audit' },
    async handle({ caller, query, services }) {
      if (caller && isNarrowed(caller))
        throw new DbragError('forbidden', 'A caller narrowed to a part of the workspace cannot read the audit trail.');
      const workspaceId = caller?.workspaceId ?? systemChain;
      const scope = { workspaceId };
      const page = await services.database.inWorkspace(scope, async (db) => {
        const subject = query.subject === undefined ? undefined : await findSubject(db, workspaceId, query.subject);
        return listAuditEvents(
          db,
          workspaceId,
          {
            actor: query.actor,
            action: query.action,
            resourceType: query.resource_type,
            resourceId: query.resource_id,
            accessType: query.access_type,
            outcome: query.outcome,
            requestId: query.request_id,
            // An unknown subject has no key: the nil UUID matches nothing here.
            holder: query.subject === undefined ? undefined : (subject ?? '00000000-0000-0000-0000-000000000000'),
            from: query.from === undefined ? undefined : new Date(query.from),
            to: query.to === undefined ? undefined : new Date(query.to),
          },
          pageRequest('auditEvent', query),
        );
      });
      const holders = page.items.flatMap(({ holder }) => holder ?? []);
      const keys = (await services.trail.keys?.find(workspaceId, holders)) ?? new Map();
      return listReply(
        page,
        (row) => auditEventView(workspaceId, row, keys),
        (view) => view.id,
      );
    },
  }),
];
