import type { Database } from '../core/database.ts';
import { DocumentError } from '../core/document-errors.ts';
import type { Failpoint } from '../core/failpoint.ts';
import type { WorkspaceQuotas } from '../limits/quotas.ts';
import { type ClaimedVersion, claimVersions } from './claim-version.ts';
import { commitSplits, type SplitOutcome } from './commit-split.ts';
import type { EmbeddingNudges } from './embedding-nudges.ts';
import { failVersion } from './fail-version.ts';
import type { IngestDocumentMessage } from './ingest-document.message.ts';
import { parseObject, type ReadPorts, type ReadVersion, readObject } from './read-version.ts';
import { split } from './split.ts';
import { storeAhead } from './store-ahead.ts';
import { loadTokenCounter } from './token-counter.ts';

export interface IngestDocumentPorts extends ReadPorts {
  readonly database: Database;
  readonly nudges: EmbeddingNudges;
  readonly failpoint: Failpoint;
  /** No quotas apply if it is left out. */
  readonly quotas?: (workspaceId: string) => Promise<WorkspaceQuotas>;
  /** The embedding model of the stage: the space that every chunk must have a vector in. */
  readonly model: string;
  /** The fallback model's space, in which chunks are searched while they wait for the first; null or left out: none. */
  readonly fallbackModel?: string | null;
}

export type IngestOutcome = SplitOutcome | 'nothing_to_do' | 'failed';

/**
 * Ingests one version of one document, from its object to rows: read, parse, split, store. Safe to run any number of times, also
 * concurrently. Faults of the document fail the version; everything else is thrown, and the message is redelivered.
 */
export async function ingestDocument(
  ports: IngestDocumentPorts,
  message: IngestDocumentMessage,
): Promise<IngestOutcome> {
  const workspaceId = message.workspace_id;
  const [claim] = await ports.database.inWorkspace({ workspaceId }, (db) => claimVersions(db, workspaceId, [message]));
  if (!claim) return 'nothing_to_do';
  await ports.failpoint.reach('worker.after_claim', claim.documentId);
  return ingestClaimed(ports, claim);
}

/** The remaining work for a version that this worker has claimed. */
export async function ingestClaimed(ports: IngestDocumentPorts, claim: ClaimedVersion): Promise<IngestOutcome> {
  const outcome = claim.isSplit ? 'to_embed' : await endOnFault(ports, claim, () => readAndSplit(ports, claim));
  await ports.failpoint.reach('worker.after_commit_before_ack');
  if (outcome === 'to_embed') await ports.nudges.nudge(claim.priority, claim);
  await ports.failpoint.reach('worker.after_send');
  return outcome;
}

/** Fails the version for faults of the document. */
export async function endOnFault<Result>(
  ports: IngestDocumentPorts,
  claim: ClaimedVersion,
  work: () => Promise<Result>,
): Promise<Result | 'failed'> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    await ports.database.inWorkspace(claim, (db) => failVersion(db, claim, error));
    return 'failed';
  }
}

async function readAndSplit(ports: IngestDocumentPorts, claim: ClaimedVersion): Promise<SplitOutcome> {
  const { document, contentHash } = await readAndParse(ports, claim);
  const counter = await loadTokenCounter();
  await ports.failpoint.reach('worker.after_parse');
  const version = await storeAhead(ports.database, claim, split(document, claim.chunking, counter));
  if (!version) return 'fenced';
  if (version.chunks.length === 0) throw new DocumentError('no_text_found', 'The file holds no text.');
  await ports.failpoint.reach('worker.before_commit');
  const spaces = { model: ports.model, fallback: ports.fallbackModel ?? null };
  const quotas = await ports.quotas?.(claim.workspaceId);
  return ports.database.inWorkspace(claim, async (db) => {
    const whole = { ...claim, contentHash, split: version };
    const outcomes = await commitSplits(db, claim.workspaceId, spaces, [whole], quotas);
    await ports.failpoint.reach('worker.mid_chunk_insert');
    return outcomes.get(claim.documentId) as SplitOutcome;
  });
}

/** Releases the file's bytes: while a file of 100 MB is split, only its text is in memory. */
async function readAndParse(ports: IngestDocumentPorts, claim: ClaimedVersion): Promise<ReadVersion> {
  const body = await readObject(ports, claim);
  await ports.failpoint.reach('worker.after_download');
  return parseObject(ports, claim, body);
}
