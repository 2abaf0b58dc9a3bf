import { createHash } from 'node:crypto';
import { DocumentError } from '../core/document-errors.ts';
import { type ClaimedVersion, claimVersions } from './claim-version.ts';
import { commitSplits, type SplitClaim } from './commit-split.ts';
import type { IngestDocumentMessage } from './ingest-document.message.ts';
import { endOnFault, type IngestDocumentPorts, type IngestOutcome } from './ingest-document.ts';
import { isReadInChild } from './parse.ts';
import { limitsWithin, readObject } from './read-version.ts';
import { EndedItsProcess, type SplitResult, smallTextLimits, splitInChild } from './split-in-child.ts';
import { chunksPerTransaction } from './store-ahead.ts';

export interface IngestedTogether {
  /** By document. */
  readonly outcomes: ReadonlyMap<string, IngestOutcome>;
  /** Those whose message is redelivered, and why: the process that split them crashed. */
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
  const read: ReadSmall[] = [];
  const readSome = async (claim: ClaimedVersion): Promise<void> => {
    const body = claim.isSplit ? 'to_embed' : await attempt([claim], () => readSmall(ports, claim));
    if (body === 'alone') left.push(claim);
    else if (typeof body === 'string') outcomes.set(claim.documentId, body);
    else if (body) read.push({ claim, body });
  };
  await Promise.all(claims.map(readSome));
  const small: SplitClaim[] = [];
  const all = read.map(({ claim }) => claim);
  const splits = (await attempt(all, () => splitTogether(ports, read))) ?? [];
  for (const [i, result] of splits.entries()) {
    const { claim, body } = read[i] as ReadSmall;
    const split = await attempt([claim], () => endOnFault(ports, claim, async () => claimOfSplit(claim, body, result)));
    if (split === 'alone') left.push(claim);
    else if (split === 'failed') outcomes.set(claim.documentId, split);
    else if (split) small.push(split);
  }
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

interface ReadSmall {
  readonly claim: ClaimedVersion;
  readonly body: Uint8Array;
}

/** @returns `alone` for what is to be read by itself, by a parser or because it is large */
async function readSmall(ports: IngestDocumentPorts, claim: ClaimedVersion): Promise<Uint8Array | 'failed' | 'alone'> {
  return endOnFault(ports, claim, async () => {
    const body = await readObject(ports, claim);
    await ports.failpoint.reach('worker.after_download');
    return body.length > mostBytesTogether || isReadInChild(body, claim) ? 'alone' : body;
  });
}

async function splitTogether(ports: IngestDocumentPorts, read: readonly ReadSmall[]): Promise<SplitResult[]> {
  const texts = read.map(({ claim: { name, contentType, chunking }, body }) => ({ name, contentType, chunking, body }));
  const limits = limitsWithin(ports.remainingTime?.(), smallTextLimits);
  const results = await splitInChild(texts, { mostChunks: chunksTogether, limits });
  for (const _ of results) await ports.failpoint.reach('worker.after_parse');
  return results;
}

/**
 * @returns `alone` for a text of many chunks
 * @throws whatever became of it instead
 */
function claimOfSplit(claim: ClaimedVersion, body: Uint8Array, result: SplitResult): SplitClaim | 'alone' {
  if (result.status === 'rejected') throw result.reason;
  const chunks = result.value;
  if (!chunks) return 'alone';
  if (chunks.length === 0) throw new DocumentError('no_text_found', 'The file holds no text.');
  return { ...claim, contentHash: createHash('sha256').update(body).digest(), split: { chunks, areStored: false } };
}

/** How much of a large document is stored at a time. */
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

/** One message per priority: its receiver takes everything that waits there. */
async function nudge(
  ports: IngestDocumentPorts,
  claims: readonly ClaimedVersion[],
  outcomes: ReadonlyMap<string, IngestOutcome>,
): Promise<void> {
  const toEmbed = claims.filter(({ documentId }) => outcomes.get(documentId) === 'to_embed');
  for (const [priority, [first]] of Map.groupBy(toEmbed, (claim) => claim.priority))
    if (first) await ports.nudges.nudge(priority, first);
}
