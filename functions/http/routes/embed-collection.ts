import { parsePublicId, publicId } from '../../../shared/core/ids.ts';
import { sendNudges } from '../../../shared/core/work-queue.ts';
import { batchEmbedNudge, beginBatchEmbed } from '../../../shared/ingestion/batch-embed.ts';
import { getJob } from '../../../shared/jobs/jobs.ts';
import { changeReply } from '../change-reply.ts';
import { acceptedJob } from '../contract/jobs.ts';
import { defineRoute } from '../route.ts';
import { jobView } from '../views/job-view.ts';

export const embedCollectionRoutes = [
  defineRoute({
    method: 'POST',
    path: '/v1/collections/{id}/embed',
    access: 'admin',
    rate: 'write',
    tag: 'Collections',
    summary: "Embed again whatever is not yet in the current model's vector space",
    idempotent: true,
    success: {
      status: 202,
      description:
        "The job; the same one if it is already in progress. Until it is done, whatever is still in the fallback model's space is searched there.",
      schema: acceptedJob,
    },
    async handle(context) {
      const { caller, parameters, services } = context;
      const id = parsePublicId('collection', parameters.id ?? '');
      await services.sweep.arm();
      let accepted: string | undefined;
      const reply = await changeReply(context, async (db) => {
        const { jobId, begun } = await beginBatchEmbed(db, services, caller.workspaceId, id, caller.actor);
        accepted = jobId;
        const audit = {
          action: 'collection.embed',
          resourceType: 'collection',
          resourceId: publicId('collection', id),
        };
        return {
          status: 202,
          headers: { location: `/v1/jobs/${publicId('job', jobId)}` },
          body: { job: jobView(await getJob(db, caller.workspaceId, jobId)) },
          audit: begun ? [audit] : [],
        };
      });
      if (accepted) await sendNudges(services.queue, [batchEmbedNudge(caller.workspaceId, accepted)]);
      return reply;
    },
  }),
];
