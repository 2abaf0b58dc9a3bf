import { createHash } from 'node:crypto';
import { DocumentError } from '../core/document-errors.ts';
import { type ClaimedVersion, claimVersions } from './claim-version.ts';
import { commitSplits, type SplitClaim } from './commit-split.ts';
import type { IngestDocumentMessage } from './ingest-document.message.ts';
import { endOnFault, type IngestDocumentPorts, type IngestOutcome } from './ingest-document.ts';
import { isReadInChild } from './parse.ts';
import { limitsWithin, readObject } from './read-version.ts';
import { EndedItsProcess, smallTextLimits, splitInChild } from './split-in-child.ts';
import { chunksPerTransaction } from './store-ahead.ts';

export interface IngestedTogether {
  /** By document. */
  readonly outcomes: ReadonlyMap<string, IngestOutcome>;
  /** Those whose message comes again, and why: the process that split them did not survive it. */
  readonly failures: ReadonlyMap<string, unknown>;
  /** Claimed, and to be worked on each by itself: not as small as it seemed, or refused among others. */
  readonly left: readonly ClaimedVersion[];
}

/**
 * Small texts of one workspace, no document twice: claimed in one transaction, read side by side, and stored in as few transactions as
 * `chunksTogether` allows. Statements and commits are what a small document costs. They are split in a child, so that a text which
 * ends its process takes no neighbour with it. Whatever fails among others, and is no fault of a document of its own, is left to be
 * tried alone.
 */
export async function ingestTogether(
  ports: IngestDocumentPorts,
  workspaceId: string,
  messages: readonly IngestDocumentMessage[],
): Promise<IngestedTogether> {
  const claims = await ports.database.inWorkspace({ workspaceId }, (db) => claimVersions(db, workspaceId, messages));
  const outcomes = new Map<string, IngestOutcome>(messages.map((message) => [message.document_id, 'nothing_to_do']));
  for (const { documentId } of claims) await ports.failpoint.reach('worker.after_claim', documentId);
  const left: ClaimedVersion[] = [];
  const failures = new Map<string, unknown>();
  const attempt = async <Result>(some: readonly ClaimedVersion[], work: () => Promise<Result>) => {
    try {
      return await work();
    } catch (error) {
      // Alone, the others will say why.
      if (!(error instanceof EndedItsProcess)) left.push(...some);
      else for (const { documentId } of some) failures.set(documentId, error);
      return undefined;
    }
  };
  const small: SplitClaim[] = [];
  const readSome = async (claim: ClaimedVersion): Promise<void> => {
    const read = claim.isSplit ? 'to_embed' : await attempt([claim], () => readSmall(ports, claim));
    if (read === 'alone') left.push(claim);
    else if (typeof read === 'string') outcomes.set(claim.documentId, read);
    else if (read) small.push(read);
  };
  await Promise.all(claims.map(readSome));
  for (const group of groupsOf(small)) {
    const stored = await attempt(group, () => store(ports, workspaceId, group));
    for (const [documentId, outcome] of stored ?? []) outcomes.set(documentId, outcome);
  }
  for (const documentId of [...left.map((claim) => claim.documentId), ...failures.keys()]) outcomes.delete(documentId);
  await ports.failpoint.reach('worker.after_commit_before_ack');
  await nudge(ports, claims, outcomes);
  await ports.failpoint.reach('worker.after_send');
  return { outcomes, failures, left };
}

/** @returns `alone` for what is to be read by itself: by a parser, or with many chunks */
async function readSmall(ports: IngestDocumentPorts, claim: ClaimedVersion): Promise<SplitClaim | 'failed' | 'alone'> {
  return endOnFault(ports, claim, async () => {
    const body = await readObject(ports, claim);
    await ports.failpoint.reach('worker.after_download');
    if (body.length > mostBytesTogether || isReadInChild(body, claim)) return 'alone';
    const { name, contentType, chunking } = claim;
    const limits = limitsWithin(ports.remainingTime?.(), smallTextLimits);
    const chunks = await splitInChild(body, { name, contentType, chunking, mostChunks: chunksTogether, limits });
    await ports.failpoint.reach('worker.after_parse');
    if (!chunks) return 'alone';
    if (chunks.length === 0) throw new DocumentError('no_text_found', 'The file holds no text.');
    const contentHash = createHash('sha256').update(body).digest();
    return { ...claim, contentHash, split: { chunks, areStored: false } };
  });
}

/** What a large document stores at a time. */
const chunksTogether = chunksPerTransaction;
/** Larger ones are read one after another: ten at once would not fit into memory. */
export const mostBytesTogether = 65_536;

function* groupsOf(claims: readonly SplitClaim[]): Generator<SplitClaim[]> {
  let group: SplitClaim[] = [];
  let chunks = 0;
  for (const claim of claims) {
    const more = claim.split.chunks.length;
    if (group.length > 0 && chunks + more > chunksTogether) {
      yield group;
      [group, chunks] = [[], 0];
    }
    group.push(claim);
    chunks += more;
  }
  if (group.length > 0) yield group;
}

async function store(ports: IngestDocumentPorts, workspaceId: string, group: readonly SplitClaim[]) {
  for (const { documentId } of group) await ports.failpoint.reach('worker.before_commit', documentId);
  const spaces = { model: ports.model, fallback: ports.fallbackModel ?? null };
  const quotas = await ports.quotas?.(workspaceId);
  return ports.database.inWorkspace({ workspaceId }, async (db) => {
    const outcomes = await commitSplits(db, workspaceId, spaces, group, quotas);
    await ports.failpoint.reach('worker.mid_chunk_insert');
    return outcomes;
  });
}

/** One message a priority: whoever gets it takes all that waits there. */
async function nudge(
  ports: IngestDocumentPorts,
  claims: readonly ClaimedVersion[],
  outcomes: ReadonlyMap<string, IngestOutcome>,
): Promise<void> {
  const toEmbed = claims.filter(({ documentId }) => outcomes.get(documentId) === 'to_embed');
  for (const [priority, [first]] of Map.groupBy(toEmbed, (claim) => claim.priority))
    if (first) await ports.nudges.nudge(priority, first);
}
