import * as z from 'zod/mini';

/** `maintenance` → maintain. Tolerant of members that a newer sender adds. */
export const maintenanceMessage = z.union([
  z.object({ v: z.literal(1), kind: z.literal('sweep'), full: z.optional(z.boolean()) }),
  z.object({ v: z.literal(1), kind: z.literal('fold_statistics'), workspace_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('delete'), workspace_id: z.uuid(), job_id: z.uuid() }),
]);

export type MaintenanceMessage = z.infer<typeof maintenanceMessage>;
