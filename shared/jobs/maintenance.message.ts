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

/** What the nightly pass does behind the workspaces, in this order. */
export const nightSteps = [
  'orphans',
  'uploads',
  'deletions',
  'erasures',
  'expiry',
  'seals',
  'chains',
  'roots',
  'indexes',
] as const;
export type NightStep = (typeof nightSteps)[number];

/** Messages of the queue `maintenance`. Unknown members are ignored, since a newer sender may add some. */
export const maintenanceMessage = z.union([
  z.object({
    v: z.literal(1),
    kind: z.literal('sweep'),
    /** Also runs the nightly pass. */
    full: z.optional(z.boolean()),
    /** Only the nightly pass, from the workspace after this one: one invocation has no time for all. */
    after: z.optional(z.uuid()),
    /** The night goes on with this step, behind all workspaces. Older code ignores it: `after` says the same to it, and it does all steps at once. */
    step: z.optional(z.catch(z.enum(nightSteps), 'orphans')),
    /** The embedding model failed before it: it is left alone for the rest of the night. */
    model_is_away: z.optional(z.boolean()),
  }),
  z.object({ v: z.literal(1), kind: z.literal('fold_statistics'), workspace_id: z.uuid() }),
  z.object({
    v: z.literal(1),
    kind: z.literal('remove_version'),
    workspace_id: z.uuid(),
    /** Seconds since 1970. A queue delays by 15 minutes at most; until this time the message is only sent again. */
    not_before: z.number(),
  }),
  z.object({ v: z.literal(1), kind: z.literal('batch_embed'), workspace_id: z.uuid(), job_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('delete'), workspace_id: z.uuid(), job_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('refresh_catalog'), workspace_id: z.uuid(), job_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('embed_catalog'), workspace_id: z.uuid(), job_id: z.uuid() }),
  /** Events to write; without any, the events in the database are sealed. */
  z.object({ v: z.literal(1), kind: z.literal('audit'), records: z.optional(z.array(recordedAccess)) }),
  z.object({ v: z.literal(1), kind: z.literal('export'), workspace_id: z.uuid(), job_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('erase'), workspace_id: z.uuid(), job_id: z.uuid() }),
  z.object({ v: z.literal(1), kind: z.literal('tend_indexes') }),
  z.object({ v: z.literal(1), kind: z.literal('rebuild_index'), workspace_id: z.uuid(), job_id: z.uuid() }),
]);

export type MaintenanceMessage = z.infer<typeof maintenanceMessage>;
