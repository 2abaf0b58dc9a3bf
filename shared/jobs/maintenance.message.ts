import * as z from 'zod/mini';

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
  z.object({ v: z.literal(1), kind: z.literal('tend_indexes') }),
  z.object({ v: z.literal(1), kind: z.literal('rebuild_index'), workspace_id: z.uuid(), job_id: z.uuid() }),
]);

export type MaintenanceMessage = z.infer<typeof maintenanceMessage>;
