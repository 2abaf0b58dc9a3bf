import type { SQSRecord } from 'aws-lambda';
import * as z from 'zod/mini';
import { embedChunksMessage } from '../../shared/ingestion/embed-chunks.message.ts';
import { type GivenUp, giveUpEmbedding, giveUpIngestion } from '../../shared/ingestion/give-up.ts';
import { ingestDocumentMessage } from '../../shared/ingestion/ingest-document.message.ts';
import { finishJob } from '../../shared/jobs/finish-job.ts';
import { maintenanceMessage } from '../../shared/jobs/maintenance.message.ts';
import { nameOfQueue, sendAgain } from '../runtime/outlast-outage.ts';
import { queueFunction } from '../runtime/queue-function.ts';
import type { Services } from '../runtime/services.ts';

const message = 'It was tried five times and never finished; the logs of its function say why.';
const failure = { code: 'retries_exhausted', message } as const;
const ownedMessage = z.object({ workspace_id: z.uuid() });
/** Work that nobody really began is sent again after this long. */
const againSeconds = 300;

/**
 * A message that was received too often: what it meant ends `failed`, so that somebody sees it and can retry. Unless no worker got
 * as far as beginning with it: then something else was away, and it is sent again, until the deadline of its row.
 */
export const handler = queueFunction(async (record, { services }) => {
  const outcome = await giveUp(record.body, services);
  const queue = nameOfQueue(record, services) ?? record.eventSourceARN;
  if (outcome !== 'untried') {
    services.log.retriesExhausted({ queue, body: record.body });
    await announce(record.body, services);
    return;
  }
  if (!(await sendAgain(services, [record], againSeconds))) throw new Error('It could not be sent again.');
  services.log.outlasted({ queue, messages: 1, reason: 'No worker got as far as beginning with it.' });
});

async function giveUp(body: SQSRecord['body'], { database }: Services): Promise<GivenUp> {
  const content: unknown = parseJson(body);
  const ingestion = ingestDocumentMessage.safeParse(content);
  if (ingestion.success) {
    const { workspace_id: workspaceId, document_id: documentId, version, attempt } = ingestion.data;
    return giveUpIngestion(database, { workspaceId, documentId, version, attempt }, failure);
  }
  const embedding = embedChunksMessage.safeParse(content);
  if (embedding.success) {
    const { workspace_id: workspaceId, document_id: documentId } = embedding.data;
    return giveUpEmbedding(database, { workspaceId, documentId }, failure);
  }
  const maintenance = maintenanceMessage.safeParse(content);
  if (maintenance.success && 'job_id' in maintenance.data) {
    const { workspace_id: workspaceId, job_id: jobId, kind: type } = maintenance.data;
    await database.inWorkspace({ workspaceId }, (db) =>
      finishJob(db, workspaceId, jobId, { status: 'failed', error: failure, type }),
    );
  }
  return 'ended';
}

/** Rubbish is not told of, and must not stay: nothing comes after this queue. */
async function announce(body: string, { announcements }: Services): Promise<void> {
  const owned = ownedMessage.safeParse(parseJson(body));
  if (owned.success) await announcements.tell(owned.data.workspace_id);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
