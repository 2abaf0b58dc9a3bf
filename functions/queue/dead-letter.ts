import { embedChunksMessage } from '../../shared/ingestion/embed-chunks.message.ts';
import { giveUpIngestion } from '../../shared/ingestion/give-up.ts';
import { ingestDocumentMessage } from '../../shared/ingestion/ingest-document.message.ts';
import { finishJob } from '../../shared/jobs/finish-job.ts';
import { maintenanceMessage } from '../../shared/jobs/maintenance.message.ts';
import { queueFunction } from '../runtime/queue-function.ts';

const message = 'It was tried five times and never finished; the logs of its function say why.';
const failure = { code: 'retries_exhausted', message } as const;

/** A message that was received too often: what it meant ends `failed`, so that somebody sees it and can retry. */
export const handler = queueFunction(async ({ body, eventSourceARN }, { services }) => {
  services.log.retriesExhausted({ queue: eventSourceARN.slice(eventSourceARN.lastIndexOf(':') + 1), body });
  const content: unknown = parseJson(body);
  const ingestion = ingestDocumentMessage.safeParse(content);
  const embedding = embedChunksMessage.safeParse(content);
  if (ingestion.success || embedding.success) {
    const {
      workspace_id: workspaceId,
      document_id: documentId,
      version,
    } = (ingestion.data ?? embedding.data) as { workspace_id: string; document_id: string; version: number };
    await giveUpIngestion(
      services.database,
      { workspaceId, documentId, version, attempt: ingestion.data?.attempt },
      failure,
    );
    return;
  }
  const maintenance = maintenanceMessage.safeParse(content);
  if (maintenance.success && 'job_id' in maintenance.data) {
    const { workspace_id: workspaceId, job_id: jobId } = maintenance.data;
    await services.database.inWorkspace({ workspaceId }, (db) =>
      finishJob(db, workspaceId, jobId, { status: 'failed', error: failure }),
    );
  }
});

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
