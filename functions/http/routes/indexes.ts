import { publicId } from '../../../shared/core/ids.ts';
import { listIndexes, type VectorIndex } from '../../../shared/indexing/list-indexes.ts';
import { homePartition, nudgeRebuild, requestRebuild } from '../../../shared/indexing/rebuild-index.ts';
import { getJob } from '../../../shared/jobs/jobs.ts';
import { changeReply } from '../change-reply.ts';
import * as contract from '../contract/indexes.ts';
import { acceptedJob } from '../contract/jobs.ts';
import { defineRoute, ok } from '../route.ts';
import { jobView } from '../views/job-view.ts';

const tag = 'Indexes';

function indexView(index: VectorIndex) {
  const { checked_at, built_at, ...rest } = index;
  return {
    object: 'index' as const,
    ...rest,
    checked_at: checked_at?.toISOString() ?? null,
    built_at: built_at?.toISOString() ?? null,
  };
}

export const indexRoutes = [
  defineRoute({
    method: 'GET',
    path: '/v1/indexes',
    access: 'operator_or_admin',
    rate: 'read',
    tag,
    summary: 'Show the vector indexes and their recall',
    success: {
      status: 200,
      description: "All partitions for the operator; for an admin, the workspace's own partition",
      schema: contract.vectorIndexes,
    },
    async handle({ caller, services: { database } }) {
      const list = caller
        ? await database.inWorkspace({ workspaceId: caller.workspaceId }, async (db) => {
            const home = await homePartition(db, caller.workspaceId);
            return home ? listIndexes(db, home) : [];
          })
        : await database.inSystem((db) => listIndexes(db, null));
      return ok({ object: 'list', data: list.map(indexView) });
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/indexes/rebuild',
    access: 'admin',
    rate: 'write',
    tag,
    summary: "Rebuild the index of the workspace's vectors",
    wholeWorkspace: true,
    body: contract.rebuildIndex,
    idempotent: true,
    success: { status: 202, description: 'The job that builds it', schema: acceptedJob },
    async handle(context) {
      const { caller, body, services } = context;
      await services.sweep.arm();
      let accepted: string | undefined;
      const reply = await changeReply(context, async (db) => {
        const { workspaceId, actor } = caller;
        const jobId = await requestRebuild(db, services.clock, workspaceId, body.partition, actor);
        accepted = jobId;
        return {
          status: 202,
          headers: { location: `/v1/jobs/${publicId('job', jobId)}` },
          body: { job: jobView(await getJob(db, workspaceId, jobId)) },
          audit: [{ action: 'index.rebuild', resourceType: 'index', resourceId: null }],
        };
      });
      if (accepted) await nudgeRebuild(services.queue, caller.workspaceId, accepted);
      return reply;
    },
  }),
];
