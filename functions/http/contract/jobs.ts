import * as z from 'zod/mini';
import { failure, id, idInBody, listQueryMembers, nullableTimestamp, timestamp } from './primitives.ts';

const jobType = z.enum([
  'ingest_document',
  'update_metadata_catalog',
  'batch_embed',
  'rebuild_index',
  'export',
  'erase',
  'delete',
]);
const jobStatus = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);

export const job = z.object({
  id: id('job'),
  object: z.literal('job'),
  type: jobType,
  status: jobStatus,
  document_id: z.nullable(id('document')),
  version: z.nullable(z.int()),
  progress: z.object({ done: z.int(), total: z.nullable(z.int()), unit: z.string() }),
  attempts: z.int(),
  why: z.string().check(z.meta({ description: 'One sentence: what it is doing or waiting for, or why it ended' })),
  error: failure,
  result: z.nullable(z.record(z.string(), z.unknown())),
  created_at: timestamp,
  started_at: nullableTimestamp,
  finished_at: nullableTimestamp,
  deadline_at: nullableTimestamp,
});
export const acceptedJob = z.object({ job });
export const listJobs = z.strictObject({
  ...listQueryMembers,
  type: z.optional(jobType),
  status: z.optional(jobStatus),
  document_id: z.optional(z.string()),
});
export const retryJobs = z.strictObject({
  status: z.enum(['failed', 'cancelled']),
  code: z.optional(z.string().check(z.minLength(1), z.maxLength(64))),
  collection_id: z.optional(idInBody('collection')),
});
export const retriedJobs = z.object({ object: z.literal('retried_jobs'), retried: z.int(), has_more: z.boolean() });
