import type { SQSRecord } from 'aws-lambda';
import { type IngestDocumentMessage, ingestDocumentMessage } from '../../shared/ingestion/ingest-document.message.ts';
import { type Ingested, ingestDocuments } from '../../shared/ingestion/ingest-documents.ts';
import { outlastOutage, sendAgain } from '../runtime/outlast-outage.ts';
import { partialBatchFunction, type QueueInvocation } from '../runtime/queue-function.ts';
import type { Services } from '../runtime/services.ts';

interface Received {
  readonly record: SQSRecord;
  readonly message: IngestDocumentMessage;
}

/** Small messages of a batch are processed together; each is acknowledged or redelivered individually. */
export const handler = partialBatchFunction(async (records, invocation, fail) => {
  const received: Received[] = [];
  for (const record of records) {
    const message = ingestDocumentMessage.safeParse(parseJson(record.body));
    if (message.success) received.push({ record, message: message.data });
    else fail(record, message.error);
  }
  const started = performance.now();
  const ended = await ingest(received, invocation);
  const settled = received.map((one, i) => ({ ...one, ended: ended[i] as Ingested }));
  await followUp(invocation.services, settled, (performance.now() - started) / Math.max(1, settled.length));
  await sendAnew(
    invocation.services,
    settled.filter(({ ended }) => ended.status === 'fulfilled' && ended.value === 'put_off'),
    fail,
  );
  for (const { record, ended } of settled) {
    if (ended.status === 'fulfilled') continue;
    await outlastOutage(invocation.services, [record], () => Promise.reject(ended.reason)).catch((error: unknown) =>
      fail(record, error),
    );
  }
});

function ingest(received: readonly Received[], { services, context }: QueueInvocation): Promise<readonly Ingested[]> {
  const { database, failpoint, objects, embeddingNudges: nudges, config } = services;
  return ingestDocuments(
    {
      database,
      objects,
      nudges,
      failpoint,
      quotas: services.quotas.of,
      model: config.models.embeddingModel,
      fallbackModel: config.models.fallbackModel,
      maximumFileBytes: config.maximumFileBytes,
      remainingTime: () => context.getRemainingTimeInMillis(),
    },
    received.map(({ message }) => message),
  );
}

/** What follows the end of some documents, once per workspace. */
async function followUp(
  services: Services,
  settled: readonly (Received & { readonly ended: Ingested })[],
  milliseconds: number,
): Promise<void> {
  const { log, removals, statistics, announcements } = services;
  const [ready, replaced, over] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const { message, ended } of settled) {
    if (ended.status === 'rejected' || ended.value === 'put_off') continue;
    const { workspace_id: workspaceId, document_id: documentId, version } = message;
    const outcome = ended.value;
    if (outcome === 'ready') ready.add(workspaceId);
    if (outcome === 'ready' || outcome === 'failed') over.add(workspaceId);
    // A first version that failed may have left texts of an earlier attempt.
    if (outcome === 'failed' || (outcome === 'ready' && version > 1)) replaced.add(workspaceId);
    log.documentIngested({ documentId, version, workspaceId, outcome, milliseconds });
  }
  for (const workspaceId of ready) await statistics.changed(workspaceId);
  for (const workspaceId of replaced) await removals.arm(workspaceId);
  for (const workspaceId of over) await announcements.tell(workspaceId);
}

/** No worker started these, so no receive should count against them: fresh messages, for whichever worker is free. */
async function sendAnew(
  services: Services,
  waiting: readonly Received[],
  fail: (record: SQSRecord, error: unknown) => void,
): Promise<void> {
  const records = waiting.map(({ record }) => record);
  if (records.length === 0 || (await sendAgain(services, records, 0))) return;
  for (const record of records) fail(record, new Error('It could not be sent again.'));
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
