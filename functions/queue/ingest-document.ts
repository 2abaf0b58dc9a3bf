import { ingestDocumentMessage } from '../../shared/ingestion/ingest-document.message.ts';
import { ingestDocument } from '../../shared/ingestion/ingest-document.ts';
import { outlastOutage } from '../runtime/outlast-outage.ts';
import { queueFunction } from '../runtime/queue-function.ts';
import type { Services } from '../runtime/services.ts';

export const handler = queueFunction((record, { services, context }) =>
  outlastOutage(services, [record], () => ingest(record.body, services, () => context.getRemainingTimeInMillis())),
);

async function ingest(body: string, services: Services, remainingTime: () => number): Promise<void> {
  const message = ingestDocumentMessage.parse(JSON.parse(body));
  const { database, failpoint, objects, embeddingNudges: nudges, config, log, removals, statistics } = services;
  const started = performance.now();
  const outcome = await ingestDocument(
    {
      database,
      objects,
      nudges,
      failpoint,
      model: config.models.embeddingModel,
      fallbackModel: config.models.fallbackModel,
      maximumFileBytes: config.maximumFileBytes,
      remainingTime,
    },
    message,
  );
  if (outcome === 'ready') await statistics.changed(message.workspace_id);
  if (message.version > 1 && (outcome === 'ready' || outcome === 'failed')) await removals.arm(message.workspace_id);
  if (outcome === 'ready' || outcome === 'failed') await services.announcements.tell(message.workspace_id);
  log.documentIngested({
    documentId: message.document_id,
    version: message.version,
    workspaceId: message.workspace_id,
    outcome,
    milliseconds: performance.now() - started,
  });
}
