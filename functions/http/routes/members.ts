import { deleteMember, getMember, listMembers, type Member, putMember } from '../../../shared/access/members.ts';
import { inheritNarrowing } from '../../../shared/access/narrow.ts';
import type { Config } from '../../../shared/core/config-shape.ts';
import { notFound, validationFailed } from '../../../shared/core/errors.ts';
import { publicId } from '../../../shared/core/ids.ts';
import { changeReply } from '../change-reply.ts';
import * as contract from '../contract/members.ts';
import { listOf, listQuery } from '../contract/primitives.ts';
import { listReply } from '../list-reply.ts';
import { narrowingOf, requireNarrowing } from '../narrowing.ts';
import { defineRoute, ok } from '../route.ts';

const tag = 'Members';

const subjectId = ({ subject_id: id }: Member) => (id === null ? null : publicId('subject', id));

function memberView(member: Member) {
  return {
    object: 'member' as const,
    subject: member.subject,
    subject_id: subjectId(member),
    issuer: member.issuer,
    role: member.role,
    collection_ids: member.collection_ids?.map((id) => publicId('collection', id)) ?? null,
    connection_ids: member.connection_ids?.map((id) => publicId('connection', id)) ?? null,
    created_at: member.created_at.toISOString(),
    updated_at: member.updated_at.toISOString(),
  };
}

/** @throws not_found for a subject that no token can name */
function subjectOf({ subject = '' }: Readonly<Record<string, string>>): string {
  if (!contract.subject.safeParse(subject).success) throw notFound('member');
  return subject;
}

function issuerOf(asked: string | undefined, { identityProviders }: Config): string {
  const issuers = identityProviders.map(({ issuer }) => issuer);
  if (asked === undefined && issuers.length === 1) return issuers[0] as string;
  if (asked !== undefined && issuers.includes(asked)) return asked;
  const detail = issuers.length === 0 ? 'The stage names no identity provider' : `Must be one of ${issuers.join(', ')}`;
  throw validationFailed([{ pointer: '/issuer', detail }]);
}

export const memberRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/members',
    access: 'admin',
    rate: 'read',
    tag,
    summary: 'List members',
    query: listQuery,
    success: {
      status: 200,
      description: 'Members, newest first; `after` is a subject',
      schema: listOf(contract.member),
    },
    async handle({ caller, query, services }) {
      const page = await services.database.inWorkspace(caller, (db) => listMembers(db, caller.workspaceId, query));
      return listReply(page, memberView, (view) => view.subject);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/members/{subject}',
    access: 'admin',
    rate: 'read',
    tag,
    summary: 'A member',
    success: {
      status: 200,
      description: 'A person who signs in with a token, and their rights',
      schema: contract.member,
    },
    async handle({ caller, parameters, services }) {
      const subject = subjectOf(parameters);
      return ok(
        memberView(await services.database.inWorkspace(caller, (db) => getMember(db, caller.workspaceId, subject))),
      );
    },
  }),
  defineRoute({
    method: 'PUT',
    path: '/v1/members/{subject}',
    access: 'admin',
    rate: 'write',
    tag,
    summary: "Add a member, or change a member's rights",
    body: contract.putMember,
    success: {
      status: 200,
      description: 'The member. The rights take effect everywhere within a minute.',
      schema: contract.member,
    },
    async handle(context) {
      const { caller, parameters, body, services } = context;
      const subject = subjectOf(parameters);
      const issuer = issuerOf(body.issuer, services.config);
      const narrowing = inheritNarrowing(caller, narrowingOf(body));
      return changeReply(context, async (db) => {
        await requireNarrowing(db, caller.workspaceId, narrowing);
        const { member, isNew } = await putMember(db, caller, { issuer, subject, role: body.role, ...narrowing });
        const view = memberView(member);
        const action = isNew ? 'member.create' : 'member.update';
        const detail = { role: body.role };
        return {
          status: 200,
          body: view,
          audit: [{ action, resourceType: 'member', resourceId: view.subject_id, detail }],
        };
      });
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/members/{subject}',
    access: 'admin',
    rate: 'write',
    tag,
    summary: 'Remove a member',
    success: { status: 204, description: 'Refused everywhere within a minute; their questions stay' },
    async handle(context) {
      const { caller, parameters } = context;
      const subject = subjectOf(parameters);
      return changeReply(context, async (db) => {
        const resourceId = subjectId(await deleteMember(db, caller, subject));
        return {
          status: 204,
          body: undefined,
          audit: [{ action: 'member.delete', resourceType: 'member', resourceId }],
        };
      });
    },
  }),
];
