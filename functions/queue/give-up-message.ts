import * as z from 'zod/mini';
import { describeTableMessage } from '../../shared/databases/describe-table.message.ts';
import { embedChunksMessage } from '../../shared/ingestion/embed-chunks.message.ts';
import { type GivenUp, giveUpEmbedding, giveUpIngestion } from '../../shared/ingestion/give-up.ts';
import { ingestDocumentMessage } from '../../shared/ingestion/ingest-document.message.ts';
import { finishJob } from '../../shared/jobs/finish-job.ts';
import { maintenanceMessage } from '../../shared/jobs/maintenance.message.ts';
import type { Services } from '../runtime/services.ts';

const message = 'It was tried five times and never finished; the logs of its function say why.';
const failure = { code: 'retries_exhausted', message } as const;
const ownedMessage = z.object({ workspace_id: z.uuid() });

/**
 * Ends the work of a message that was received too often. The end is published as an event, and what an ended version leaves behind is
 * removed after its grace period.
 */
export async function giveUpMessage(body: string, services: Services): Promise<GivenUp> {
  const content = parseJson(body);
  const outcome = await end(content, services);
  // An unreadable message causes no event, and must not stay: there is no queue after this one.
  const owned = ownedMessage.safeParse(content);
  if (outcome === 'untried' || !owned.success) return outcome;
  await services.announcements.tell(owned.data.workspace_id);
  await services.removals.arm(owned.data.workspace_id);
  return outcome;
}

async function end(content: unknown, { database }: Services): Promise<GivenUp> {
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
  const catalog = describeTableMessage.safeParse(content);
  if (catalog.success) {
    const { workspace_id: workspaceId, job_id: jobId } = catalog.data;
    await database.inWorkspace({ workspaceId }, (db) =>
      finishJob(db, workspaceId, jobId, { status: 'failed', error: failure, type: 'update_metadata_catalog' }),
    );
    return 'ended';
  }
  const maintenance = maintenanceMessage.safeParse(content);
  if (maintenance.success && 'job_id' in maintenance.data) {
    const { workspace_id: workspaceId, job_id: jobId, kind } = maintenance.data;
    const type = kind === 'refresh_catalog' || kind === 'embed_catalog' ? 'update_metadata_catalog' : kind;
    await database.inWorkspace({ workspaceId }, (db) =>
      finishJob(db, workspaceId, jobId, { status: 'failed', error: failure, type }),
    );
  }
  return 'ended';
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
