import { DbragError, notFound } from '../../../shared/core/errors.ts';
import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { sendNudges } from '../../../shared/core/work-queue.ts';
import { requireCollections } from '../../../shared/ingestion/collections.ts';
import { cancelJob, retryJob } from '../../../shared/jobs/change-job.ts';
import type { RestartedJob } from '../../../shared/jobs/job-kinds.ts';
import { getJob, listJobs } from '../../../shared/jobs/jobs.ts';
import { changeReply } from '../change-reply.ts';
import * as contract from '../contract/jobs.ts';
import { listOf } from '../contract/primitives.ts';
import { erasedJobReply } from '../erasures.ts';
import { jobKinds } from '../job-kinds.ts';
import { listReply, pageRequest } from '../list-reply.ts';
import { retryAudit, retryJobs } from '../retry-jobs.ts';
import { defineRoute, ok } from '../route.ts';
import { exportResultView } from '../views/export-view.ts';
import { jobView } from '../views/job-view.ts';

const tag = 'Jobs';

function orUndefined(error: unknown): undefined {
  if (!(error instanceof DbragError && error.code === 'not_found')) throw error;
}

export const jobRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/jobs',
    access: 'reader',
    rate: 'poll',
    tag,
    summary: 'List jobs',
    query: contract.listJobs,
    success: { status: 200, description: 'Jobs, newest first', schema: listOf(contract.job) },
    async handle({ caller, query, services }) {
      const filter = {
        type: query.type,
        status: query.status,
        documentId: query.document_id === undefined ? undefined : parsePublicId('document', query.document_id),
      };
      const page = await services.database.inWorkspace(caller, (db) =>
        listJobs(db, caller.workspaceId, filter, pageRequest('job', query)),
      );
      return listReply(page, jobView, (view) => view.id);
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/jobs/{id}',
    access: 'reader',
    rate: 'poll',
    tag,
    summary: 'A job: its progress, and what it is waiting for',
    success: { status: 200, description: 'The job', schema: contract.job },
    afterErasure: erasedJobReply,
    async handle({ caller, parameters, request, services }) {
      const id = parsePublicId('job', parameters.id ?? '');
      const job = await services.database
        .inWorkspace(caller, (db) => getJob(db, caller.workspaceId, id))
        .catch(orUndefined);
      // The key may be cached here for a moment after its workspace was erased.
      if (!job) return (await erasedJobReply(request, parameters, services)) ?? Promise.reject(notFound('job'));
      if (job.type !== 'export' || job.status !== 'succeeded') return ok(jobView(job));
      return ok({ ...jobView(job), result: await exportResultView(services, caller, job) });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/jobs/{id}/cancel',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Cancel a job',
    idempotent: true,
    success: {
      status: 200,
      description:
        'The cancelled job: none of its work becomes visible, and no more embeddings are bought for it. What was visible before stays. Deletions cannot be cancelled.',
      schema: contract.acceptedJob,
    },
    async handle(context) {
      const { caller, parameters, services } = context;
      const id = parsePublicId('job', parameters.id ?? '');
      let isCancelled = false;
      const reply = await changeReply(context, async (db) => {
        const { job, changed } = await cancelJob(db, jobKinds, caller.workspaceId, id);
        isCancelled = changed;
        const audit = { action: 'job.cancel', resourceType: 'job', resourceId: publicId('job', id) };
        return { status: 200, body: { job: jobView(job) }, audit: changed ? [audit] : [] };
      });
      if (isCancelled) await services.removals.arm(caller.workspaceId);
      return reply;
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/jobs/{id}/retry',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Retry a failed or cancelled job',
    idempotent: true,
    success: {
      status: 202,
      description: 'The job, waiting again: an ingestion starts from the stored file',
      schema: contract.acceptedJob,
    },
    async handle(context) {
      const { caller, parameters, services } = context;
      const id = parsePublicId('job', parameters.id ?? '');
      await services.sweep.arm();
      let restarted: RestartedJob | undefined;
      const reply = await changeReply(context, async (db) => {
        restarted = await retryJob(db, jobKinds, caller.workspaceId, id, services.clock.now());
        return {
          status: 202,
          headers: { location: `/v1/jobs/${publicId('job', id)}` },
          body: { job: jobView(await getJob(db, caller.workspaceId, id)) },
          audit: [retryAudit(restarted)],
        };
      });
      if (restarted) await sendNudges(services.queue, [restarted.nudge]);
      return reply;
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/jobs/retry',
    access: 'editor',
    rate: 'write',
    tag,
    summary: 'Retry all failed jobs, or those that failed with a certain code',
    body: contract.retryJobs,
    idempotent: true,
    success: {
      status: 202,
      description: 'How many were restarted. `has_more` means that there was no time for all: repeat the request.',
      schema: contract.retriedJobs,
    },
    async handle(context) {
      const { status, code, collection_id } = context.body;
      const collectionId = collection_id === undefined ? undefined : parsePublicId('collection', collection_id);
      const { caller, services } = context;
      if (collectionId)
        await services.database.inWorkspace(caller, (db) => requireCollections(db, caller.workspaceId, [collectionId]));
      return retryJobs(context, { status, code, collectionId });
    },
  }),
];
