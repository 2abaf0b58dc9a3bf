import { hashApiKey } from '../../../shared/access/api-key.ts';
import { listSubjects } from '../../../shared/access/subjects.ts';
import { type Caller, isNarrowed } from '../../../shared/core/caller.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { sendNudges } from '../../../shared/core/work-queue.ts';
import { getJob } from '../../../shared/jobs/jobs.ts';
import { beginSubjectErasure } from '../../../shared/privacy/erase-subject.ts';
import { beginWorkspaceErasure } from '../../../shared/privacy/erase-workspace.ts';
import { erasureNudge } from '../../../shared/privacy/erasure.ts';
import { beginExport, exportNudge } from '../../../shared/privacy/export-job.ts';
import { credentialOf } from '../authentication.ts';
import { changeReply } from '../change-reply.ts';
import { acceptedJob } from '../contract/jobs.ts';
import { listOf } from '../contract/primitives.ts';
import * as contract from '../contract/privacy.ts';
import { begunErasureReply, erasedReply, erasureReply } from '../erasures.ts';
import { listReply, pageRequest } from '../list-reply.ts';
import { defineRoute } from '../route.ts';
import { jobView } from '../views/job-view.ts';

const tag = 'Privacy';

function requireWhole(caller: Caller): void {
  if (isNarrowed(caller))
    throw new DbragError('forbidden', 'A caller narrowed to a part of the workspace cannot do this.');
}

export const privacyRoutes = [
  defineRoute({
    method: 'DELETE',
    path: '/v1/workspace',
    access: 'owner',
    rate: 'write',
    tag,
    summary: 'Erase the workspace and everything in it',
    afterErasure: begunErasureReply,
    success: {
      status: 202,
      description:
        'Closed from now on: its keys are refused. The key that made this request can still read the job and its certificate.',
      schema: acceptedJob,
    },
    async handle(context) {
      const { caller, services, request } = context;
      requireWhole(caller);
      await services.sweep.arm();
      let jobId = '';
      const keyHash = caller.apiKeyId === null ? null : hashApiKey(credentialOf(request));
      const reply = await changeReply(context, async (db) => {
        jobId = await beginWorkspaceErasure(db, services.clock.now(), {
          workspaceId: caller.workspaceId,
          actor: caller.actor,
          keyHash,
        });
        const resourceId = publicId('workspace', caller.workspaceId);
        return {
          status: 202,
          headers: { location: `/v1/jobs/${publicId('job', jobId)}` },
          body: { job: jobView(await getJob(db, caller.workspaceId, jobId)) },
          audit: [{ action: 'workspace.erase', resourceType: 'workspace', resourceId }],
        };
      });
      await services.failpoint.reach('erase.after_begin');
      await sendNudges(services.queue, [erasureNudge(caller.workspaceId, jobId)]);
      return reply;
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/exports',
    access: 'owner',
    rate: 'write',
    tag,
    summary: 'Export the workspace, or everything stored about a subject',
    body: contract.createExport,
    idempotent: true,
    success: {
      status: 202,
      description: "The job; once it has succeeded, its result has the archive's URL",
      schema: acceptedJob,
    },
    async handle(context) {
      const { caller, body, services } = context;
      requireWhole(caller);
      await services.sweep.arm();
      let jobId: string | undefined;
      const reply = await changeReply(context, async (db) => {
        const subject = body.scope === 'subject' ? body.subject : null;
        jobId = await beginExport(db, services.clock.now(), {
          workspaceId: caller.workspaceId,
          scope: body.scope,
          subject,
          actor: caller.actor,
        });
        const job = jobView(await getJob(db, caller.workspaceId, jobId));
        return {
          status: 202,
          headers: { location: `/v1/jobs/${job.id}` },
          body: { job },
          audit: [{ action: 'export.create', resourceType: 'job', resourceId: job.id, detail: { scope: body.scope } }],
        };
      });
      if (jobId) await sendNudges(services.queue, [exportNudge(caller.workspaceId, jobId)]);
      return reply;
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/subjects',
    access: 'admin',
    rate: 'read',
    tag,
    summary: 'List subjects: the people named by tokens, questions and conversations',
    query: contract.listSubjects,
    success: { status: 200, description: 'Subjects, newest first', schema: listOf(contract.subject) },
    async handle({ caller, query, services }) {
      requireWhole(caller);
      const page = await services.database.inWorkspace(caller, (db) =>
        listSubjects(db, caller.workspaceId, query.subject, pageRequest('subject', query)),
      );
      return listReply(
        page,
        (row) => ({
          id: publicId('subject', row.id),
          object: 'subject' as const,
          subject: row.external_id,
          created_at: row.created_at.toISOString(),
        }),
        (view) => view.id,
      );
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/v1/subjects/{id}',
    access: 'owner',
    rate: 'write',
    tag,
    summary: 'Erase everything stored about a subject',
    success: {
      status: 202,
      description: 'Nothing is stored under its name from now on; the job ends with a certificate',
      schema: acceptedJob,
    },
    async handle(context) {
      const { caller, parameters, services } = context;
      requireWhole(caller);
      await services.sweep.arm();
      let jobId = '';
      const reply = await changeReply(context, async (db) => {
        const erasure = await beginSubjectErasure(db, services.clock.now(), {
          workspaceId: caller.workspaceId,
          named: parameters.id ?? '',
          actor: caller.actor,
        });
        jobId = erasure.jobId;
        const resourceId = publicId('subject', erasure.subjectId);
        return {
          status: 202,
          headers: { location: `/v1/jobs/${publicId('job', jobId)}` },
          body: { job: jobView(await getJob(db, caller.workspaceId, jobId)) },
          audit: erasure.begun ? [{ action: 'subject.erase', resourceType: 'subject', resourceId }] : [],
        };
      });
      await sendNudges(services.queue, [erasureNudge(caller.workspaceId, jobId)]);
      return reply;
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/erasures/{id}',
    access: 'operator_or_admin',
    rate: 'poll',
    tag,
    summary: 'Check an erasure: its certificate, and what is left now',
    success: { status: 200, description: 'The erasure, checked now', schema: contract.erasure },
    afterErasure: erasedReply,
    async handle({ caller, parameters, services }) {
      return erasureReply(services, caller?.workspaceId ?? null, parsePublicId('job', parameters.id ?? ''));
    },
  }),
];
