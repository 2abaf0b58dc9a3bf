import * as z from 'zod/mini';

/** An event of the audit trail that its process did not write itself. */
const recordedAccess = z.object({
  workspace_id: z.uuid(),
  id: z.uuid(),
  actor: z.string(),
  action: z.string(),
  resource_type: z.string(),
  resource_id: z.nullable(z.string()),
  access_type: z.enum(['write', 'data_access', 'security']),
  outcome: z.enum(['success', 'failure', 'denied']),
  request_id: z.nullable(z.string()),
  holder: z.nullable(z.uuid()),
  origin: z.nullable(z.string()),
  detail: z.record(z.string(), z.unknown()),
});

/** `maintenance` → maintain. Tolerant of members that a newer sender adds. */
export const maintenanceMessage = z.union([
  z.object({
    v: z.literal(1),
    kind: z.literal('sweep'),
    /** The pass of the night as well. */
    full: z.optional(z.boolean()),
    /** Only that, from behind this workspace on: one invocation has not the time for all. */
    after: z.optional(z.uuid()),
  }),
  z.object({ v: z.literal(1), kind: z.literal('fold_statistics'), workspace_id: z.uuid() }),
  z.object({
    v: z.literal(1),
    kind: z.literal('remove_version'),
    workspace_id: z.uuid(),
    /** Seconds since 1970: a queue delays by 15 minutes at most, and until then it is only sent on. */
    not_before: z.number(),
  }),
  z.object({ v: z.literal(1), kind: z.literal('batch_embed'), workspace_id: z.uuid(), job_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('delete'), workspace_id: z.uuid(), job_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('refresh_catalog'), workspace_id: z.uuid(), job_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('embed_catalog'), workspace_id: z.uuid(), job_id: z.uuid() }),
  /** Events that came by the queue; without any: what is written is sealed. */
  z.object({ v: z.literal(1), kind: z.literal('audit'), records: z.optional(z.array(recordedAccess)) }),
  z.object({ v: z.literal(1), kind: z.literal('export'), workspace_id: z.uuid(), job_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('erase'), workspace_id: z.uuid(), job_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('tend_indexes') }),
  z.object({ v: z.literal(1), kind: z.literal('rebuild_index'), workspace_id: z.uuid(), job_id: z.uuid() }),
]);

export type MaintenanceMessage = z.infer<typeof maintenanceMessage>;
