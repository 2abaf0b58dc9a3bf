import { createHash } from 'node:crypto';
import type { Database } from '../core/database.ts';
import { DocumentError } from '../core/document-errors.ts';
import type { Failpoint } from '../core/failpoint.ts';
import { type ObjectStore, ObjectTooLarge } from '../core/object-store.ts';
import { type ClaimedVersion, claimVersion } from './claim-version.ts';
import { commitSplit, type SplitOutcome } from './commit-split.ts';
import type { EmbeddingNudges } from './embedding-nudges.ts';
import { failVersion } from './fail-version.ts';
import type { IngestDocumentMessage } from './ingest-document.message.ts';
import { parse } from './parse.ts';
import { defaultParseLimits } from './parse-in-child.ts';
import type { ParseLimits } from './parse-in-child-contract.ts';
import type { ParsedDocument } from './parsed-document.ts';
import { split } from './split.ts';
import { storeAhead } from './store-ahead.ts';
import { loadTokenCounter } from './token-counter.ts';

export interface IngestDocumentPorts {
  readonly database: Database;
  readonly objects: ObjectStore;
  readonly nudges: EmbeddingNudges;
  readonly failpoint: Failpoint;
  /** The embedding model of the stage: the space that every chunk must have a vector in. */
  readonly model: string;
  /** The fallback model's space, in which chunks are searched while they wait for the first; null or left out: none. */
  readonly fallbackModel?: string | null;
  readonly maximumFileBytes: number;
  /** Milliseconds until the invocation is ended: reading a file takes a part of them at most, so that its verdict is still written. */
  readonly remainingTime?: () => number;
}

export type IngestOutcome = SplitOutcome | 'nothing_to_do' | 'failed';

/**
 * One version of one document from its object to rows: read, parse, split, store. Safe to run any number of times, at the same time
 * too. Faults of the document end the version `failed`; everything else is thrown, and the message comes again.
 */
export async function ingestDocument(
  ports: IngestDocumentPorts,
  message: IngestDocumentMessage,
): Promise<IngestOutcome> {
  await ports.failpoint.reach('worker.after_receive');
  const scope = { workspaceId: message.workspace_id };
  const claim = await ports.database.inWorkspace(scope, (db) => claimVersion(db, message));
  if (!claim) return 'nothing_to_do';
  await ports.failpoint.reach('worker.after_claim', claim.documentId);
  const outcome = claim.isSplit ? 'to_embed' : await splitOrFail(ports, claim);
  await ports.failpoint.reach('worker.after_commit_before_ack');
  if (outcome === 'to_embed') await ports.nudges.nudge(claim.priority, claim);
  await ports.failpoint.reach('worker.after_send');
  return outcome;
}

async function splitOrFail(ports: IngestDocumentPorts, claim: ClaimedVersion): Promise<IngestOutcome> {
  try {
    return await readAndSplit(ports, claim);
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
  await ports.failpoint.reach('worker.before_commit');
  const spaces = { model: ports.model, fallback: ports.fallbackModel ?? null };
  return ports.database.inWorkspace(claim, async (db) => {
    const outcome = await commitSplit(db, claim, spaces, contentHash, version);
    await ports.failpoint.reach('worker.mid_chunk_insert');
    return outcome;
  });
}

/** Afterwards the file's bytes are let go: of 100 MB, only the text is held while it is split. */
async function readAndParse(
  ports: IngestDocumentPorts,
  claim: ClaimedVersion,
): Promise<{ document: ParsedDocument; contentHash: Buffer }> {
  const body = await readObject(ports, claim);
  await ports.failpoint.reach('worker.after_download');
  const contentHash = createHash('sha256').update(body).digest();
  return { document: await parse(body, claim, limitsWithin(ports.remainingTime?.())), contentHash };
}

/** Of the time left; the rest is for splitting and storing. */
const parsingShare = 0.6;

function limitsWithin(remaining = Number.POSITIVE_INFINITY): ParseLimits {
  const timeoutMilliseconds = Math.min(defaultParseLimits.timeoutMilliseconds, Math.max(0, remaining * parsingShare));
  return { ...defaultParseLimits, timeoutMilliseconds };
}

async function readObject(ports: IngestDocumentPorts, { object }: ClaimedVersion): Promise<Uint8Array> {
  try {
    const stored = await ports.objects.get(object.key, {
      versionId: object.versionId ?? undefined,
      maximumBytes: ports.maximumFileBytes,
    });
    if (!stored) throw new DocumentError('object_missing', 'The file is not in the bucket any more.');
    return stored.body;
  } catch (error) {
    if (!(error instanceof ObjectTooLarge)) throw error;
    const message = `The file has ${error.bytes} bytes; at most ${ports.maximumFileBytes} are read.`;
    throw new DocumentError('file_too_large', message, { cause: error });
  }
}
