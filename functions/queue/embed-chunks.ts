import { embedChunksMessage } from '../../shared/ingestion/embed-chunks.message.ts';
import { embedChunks } from '../../shared/ingestion/embed-chunks.ts';
import { createChunkCache } from '../runtime/models.ts';
import { batchFunction } from '../runtime/queue-function.ts';

/** Messages of a batch are worked on together: the chunks that they point to are bought in common requests. */
export const handler = batchFunction(async (records, { services, context }) => {
  const messages = records.map(({ body }) => embedChunksMessage.parse(JSON.parse(body)));
  const { database, failpoint, queue, clock, embedder, config, log, statistics } = services;
  const started = performance.now();
  const summary = await embedChunks(
    {
      database,
      queue,
      clock,
      embedder,
      cache: createChunkCache(config, services.cache),
      failpoint,
      onPostponed: (error, chunks) =>
        log.embeddingWaits({ reason: error.message, chunks, seconds: error.retryAfterSeconds ?? null }),
    },
    messages,
    {
      remainingTime: () => context.getRemainingTimeInMillis(),
      isRepeated: records.some(({ attributes }) => Number(attributes.ApproximateReceiveCount) > 1),
    },
  );
  if (summary.ready > 0) {
    for (const workspaceId of new Set(messages.map((message) => message.workspace_id)))
      await statistics.changed(workspaceId);
  }
  log.chunksEmbedded({ ...summary, milliseconds: performance.now() - started });
});
