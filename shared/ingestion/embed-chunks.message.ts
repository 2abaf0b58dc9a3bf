import * as z from 'zod/mini';
import { type AddressedNudge, type Priority, priorities, sendNudges, type WorkQueue } from '../core/work-queue.ts';

/**
 * `embed-*` → embed-chunks: this document has chunks without a vector. A nudge: whoever gets it looks what there is to do, for
 * whichever version. Unknown members are ignored: an older or newer sender's.
 */
export const embedChunksMessage = z.object({
  v: z.literal(1),
  workspace_id: z.uuid(),
  document_id: z.uuid(),
  /** Saves a look-up; may be left out. */
  priority: z.optional(z.enum(priorities)),
});

export type EmbedChunksMessage = z.infer<typeof embedChunksMessage>;

export interface EmbeddingNudge {
  readonly workspaceId: string;
  readonly documentId: string;
}

/** Tells the workers of a priority that a document has chunks without vectors. */
export function embeddingNudge(
  priority: Priority,
  { workspaceId, documentId }: EmbeddingNudge,
  delaySeconds = 0,
): AddressedNudge {
  const body: EmbedChunksMessage = { v: 1, workspace_id: workspaceId, document_id: documentId, priority };
  return {
    queue: `embed-${priority}`,
    nudge: { body, groupId: workspaceId, ...(delaySeconds > 0 ? { delaySeconds } : {}) },
  };
}

/**
 * Tells workers of a priority that there is something to embed. May get lost: the sweeper nudges again.
 * @returns whether the queue took it
 */
export async function nudgeEmbedding(
  queue: WorkQueue,
  priority: Priority,
  version: EmbeddingNudge,
  delaySeconds = 0,
): Promise<boolean> {
  return (await sendNudges(queue, [embeddingNudge(priority, version, delaySeconds)])) > 0;
}
