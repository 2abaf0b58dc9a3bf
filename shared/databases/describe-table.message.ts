import * as z from 'zod/mini';
import type { Nudge } from '../core/work-queue.ts';

/** `catalog` → describe-table. Tolerant of members that a newer sender adds. */
export const describeTableMessage = z.object({
  v: z.literal(1),
  workspace_id: z.uuid(),
  connection_id: z.uuid(),
  job_id: z.uuid(),
  schema: z.string(),
  table: z.string(),
});

export type DescribeTableMessage = z.infer<typeof describeTableMessage>;

export function describeTableNudge(message: Omit<DescribeTableMessage, 'v'>): Nudge {
  return { body: { v: 1, ...message } satisfies DescribeTableMessage, groupId: message.workspace_id };
}
