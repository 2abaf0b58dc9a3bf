import { ingestDocumentMessage } from '../../shared/ingestion/ingest-document.message.ts';
import { ingestDocument } from '../../shared/ingestion/ingest-document.ts';
import { queueFunction } from '../runtime/queue-function.ts';

export const handler = queueFunction(async ({ body }, { services }) => {
  const message = ingestDocumentMessage.parse(JSON.parse(body));
  const { database, failpoint, objects, embeddingNudges: nudges, config, log, statistics } = services;
  const started = performance.now();
  const outcome = await ingestDocument(
    {
      database,
      objects,
      nudges,
      failpoint,
      model: config.models.embeddingModel,
      maximumFileBytes: config.maximumFileBytes,
    },
    message,
  );
  if (outcome === 'ready') await statistics.changed(message.workspace_id);
  log.documentIngested({
    documentId: message.document_id,
    version: message.version,
    workspaceId: message.workspace_id,
    outcome,
    milliseconds: performance.now() - started,
  });
});
