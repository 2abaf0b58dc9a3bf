import type { SQSRecord } from 'aws-lambda';
import { embedChunksMessage } from '../../shared/ingestion/embed-chunks.message.ts';
import { embedChunks } from '../../shared/ingestion/embed-chunks.ts';
import { createChunkCache } from '../runtime/models.ts';
import { outlastOutage } from '../runtime/outlast-outage.ts';
import { batchFunction, type QueueInvocation } from '../runtime/queue-function.ts';

/** The last three of five receives process each document by itself, so that the innocent ones get through. */
const suspectReceives = 3;

/** Messages of a batch are processed together: their chunks are embedded in shared requests. */
export const handler = batchFunction((records, invocation) =>
  outlastOutage(invocation.services, records, () => embed(records, invocation)),
);

async function embed(records: readonly SQSRecord[], { services, context }: QueueInvocation): Promise<void> {
  const messages = records.map(({ body }) => embedChunksMessage.parse(JSON.parse(body)));
  const { database, failpoint, queue, clock, space, fallbackSpace, log, removals, statistics } = services;
  const receives = Math.max(...records.map(({ attributes }) => Number(attributes.ApproximateReceiveCount)));
  const started = performance.now();
  const summary = await embedChunks(
    {
      database,
      queue,
      clock,
      embedder: space.embedder,
      admission: space.admission,
      fallback: fallbackSpace,
      cache: createChunkCache(services, services.cache),
      failpoint,
      onPostponed: (error, chunks) =>
        log.embeddingWaits({ reason: error.message, chunks, seconds: error.retryAfterSeconds ?? null }),
    },
    messages,
    {
      remainingTime: () => context.getRemainingTimeInMillis(),
      isRepeated: receives > 1,
      isSuspect: receives >= suspectReceives,
    },
  );
  for (const workspaceId of new Set(messages.map((message) => message.workspace_id))) {
    if (summary.ready > 0) await statistics.changed(workspaceId);
    if (summary.retired > 0) await removals.arm(workspaceId);
    if (summary.ready + summary.refused > 0) await services.announcements.tell(workspaceId);
  }
  log.chunksEmbedded({ ...summary, milliseconds: performance.now() - started });
}
