import { parsePublicId } from '../../../shared/core/ids.ts';
import { getJob, listJobs } from '../../../shared/jobs/jobs.ts';
import * as contract from '../contract/jobs.ts';
import { listOf } from '../contract/primitives.ts';
import { listReply, pageRequest } from '../list-reply.ts';
import { defineRoute, ok } from '../route.ts';
import { jobView } from '../views/job-view.ts';

const tag = 'Jobs';

export const jobRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/jobs',
    access: 'reader',
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
    tag,
    summary: 'A job: how far it is, and why it is there',
    success: { status: 200, description: 'The job', schema: contract.job },
    async handle({ caller, parameters, services }) {
      const id = parsePublicId('job', parameters.id ?? '');
      return ok(jobView(await services.database.inWorkspace(caller, (db) => getJob(db, caller.workspaceId, id))));
    },
  }),
];
