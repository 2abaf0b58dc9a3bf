import * as z from 'zod/mini';
import { listRejectedUploads, type RejectedUpload } from '../../../shared/ingestion/rejected-uploads.ts';
import { listOf, listQuery, timestamp } from '../contract/primitives.ts';
import { listReply } from '../list-reply.ts';
import { recentReadiness } from '../readiness.ts';
import { defineRoute, ok } from '../route.ts';

const tag = 'Service';
const state = z.enum(['ok', 'failed', 'off']);

function rejectedUploadView(upload: RejectedUpload) {
  return {
    id: upload.id,
    object: 'rejected_upload' as const,
    bucket: upload.bucket,
    key: upload.s3_key,
    bytes: upload.bytes,
    reason: upload.reason,
    at: upload.at.toISOString(),
  };
}

export const serviceRoutes = [
  defineRoute({
    method: 'GET',
    path: '/health',
    access: 'anyone',
    rate: 'none',
    tag,
    summary: 'Liveness: whether the service answers at all; checks nothing else',
    success: { status: 200, description: 'It is alive', schema: z.object({ status: z.literal('ok') }) },
    async handle() {
      return ok({ status: 'ok' });
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/ready',
    access: 'anyone',
    rate: 'none',
    tag,
    summary: 'Readiness: whether the services it depends on answer; 503 when the database does not',
    success: {
      status: 200,
      description: 'Each dependency by itself',
      schema: z.object({
        status: z.enum(['ok', 'degraded', 'failed']),
        checks: z.object({ postgres: state, redis: state, queues: state }),
      }),
    },
    async handle({ services }) {
      const report = await recentReadiness(services);
      return { status: report.status === 'failed' ? 503 : 200, body: report };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/rejected-uploads',
    access: 'operator',
    rate: 'none',
    tag,
    summary: 'Objects that were uploaded outside every known workspace and collection',
    query: listQuery,
    success: {
      status: 200,
      description: 'Rejected uploads, newest first',
      schema: listOf(
        z.object({
          id: z.string(),
          object: z.literal('rejected_upload'),
          bucket: z.string(),
          key: z.string(),
          bytes: z.nullable(z.number()),
          reason: z.string(),
          at: timestamp,
        }),
      ),
    },
    async handle({ query, services }) {
      const page = await services.database.inSystem((db) => listRejectedUploads(db, query));
      return listReply(page, rejectedUploadView, (view) => view.id);
    },
  }),
];
