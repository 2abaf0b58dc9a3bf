import * as z from 'zod/mini';
import { id, listQueryMembers, nullableTimestamp, timestamp } from './primitives.ts';

const subjectName = z.string().check(z.minLength(1), z.maxLength(255));

export const createExport = z.union([
  z.strictObject({ scope: z.literal('workspace') }),
  z.strictObject({
    scope: z.literal('subject'),
    subject: subjectName.check(z.meta({ description: "The subject's name, or its id" })),
  }),
]);

export const listSubjects = z.strictObject({ ...listQueryMembers, subject: z.optional(subjectName) });

export const subject = z.object({
  id: id('subject'),
  object: z.literal('subject'),
  subject: z.string().check(z.meta({ description: 'The name that a token or a caller used' })),
  created_at: timestamp,
});

const counts = z.record(z.string(), z.int());

const certificate = z.object({
  object: z.literal('erasure_certificate'),
  scope: z.enum(['workspace', 'subject']),
  workspace_id: id('workspace'),
  subject_id: z.nullable(id('subject')),
  erased: counts.check(z.meta({ description: 'Deleted rows, object versions and cache entries, by store' })),
  erased_at: timestamp,
  backups_expire_at: timestamp.check(z.meta({ description: 'Until then, backups of the database still contain it' })),
  check: z.string(),
});

export const erasure = z.object({
  id: id('job'),
  object: z.literal('erasure'),
  status: z.enum(['running', 'succeeded', 'failed']),
  requested_at: timestamp,
  finished_at: nullableTimestamp,
  certificate: z.nullable(certificate),
  remaining: counts.check(z.meta({ description: 'What is left, counted now: nothing once the job has ended' })),
  checked_at: timestamp,
});
