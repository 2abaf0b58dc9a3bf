import type { Db } from '../core/database.ts';
import { isOutage } from '../core/outage.ts';
import type { ClaimedVersion } from './claim-version.ts';
import type { IngestDocumentMessage } from './ingest-document.message.ts';
import { type IngestDocumentPorts, type IngestOutcome, ingestClaimed, ingestDocument } from './ingest-document.ts';
import { ingestTogether, mostBytesTogether } from './ingest-together.ts';

/** `put_off`: not started, since the time went to others; its message must be sent again. */
export type Ingested = PromiseSettledResult<IngestOutcome | 'put_off'>;

/** Nothing is started after this long: waiting documents are better served by another worker. */
const turnMilliseconds = 15_000;

/**
 * Ingests the documents of one batch of messages. Small texts that no worker has started are processed together and split in a child
 * process, so that one that crashes every process does not affect the others. The rest follow one after another, least tried first: one
 * that always crashes its worker then affects the others at most twice, and documents that were not started have no claim counted.
 * @returns the outcome of each message, in order
 */
export async function ingestDocuments(
  ports: IngestDocumentPorts,
  messages: readonly IngestDocumentMessage[],
): Promise<readonly Ingested[]> {
  await ports.failpoint.reach('worker.after_receive');
  const [only] = messages;
  if (only && messages.length === 1) return [await settle(() => ingestDocument(ports, only))];
  const batch = new Batch(ports, performance.now() + turnMilliseconds);
  for (const [workspaceId, ofWorkspace] of Map.groupBy(messages, (message) => message.workspace_id))
    await batch.begin(workspaceId, ofWorkspace);
  await batch.finish();
  return messages.map((message) => batch.settled.get(message) as Ingested);
}

interface Alone {
  readonly message: IngestDocumentMessage;
  readonly claims: number;
  readonly claim?: ClaimedVersion;
}

class Batch {
  readonly settled = new Map<IngestDocumentMessage, Ingested>();
  readonly #ports: IngestDocumentPorts;
  readonly #ends: number;
  readonly #alone: Alone[] = [];

  constructor(ports: IngestDocumentPorts, ends: number) {
    this.#ports = ports;
    this.#ends = ends;
  }

  /** Works on the small texts of a workspace, and notes what is to be worked on alone. */
  async begin(workspaceId: string, messages: readonly IngestDocumentMessage[]): Promise<void> {
    try {
      const tried = await this.#ports.database.inWorkspace({ workspaceId }, (db) => lookAt(db, workspaceId, messages));
      const small = new Map<string, IngestDocumentMessage>();
      for (const message of this.#once(messages)) {
        const { claims, bytes } = tried.get(keyOf(message.document_id, message.version)) ?? { claims: 0, bytes: 0 };
        const isFresh = claims === 0 && bytes <= mostBytesTogether && !small.has(message.document_id);
        if (isFresh) small.set(message.document_id, message);
        else this.#alone.push({ message, claims });
      }
      if (small.size > 0) await this.#together(workspaceId, small);
    } catch (error) {
      for (const message of messages) this.#fail(message, error);
    }
  }

  async #together(workspaceId: string, small: ReadonlyMap<string, IngestDocumentMessage>): Promise<void> {
    const { outcomes, failures, left } = await ingestTogether(this.#ports, workspaceId, [...small.values()]);
    for (const [documentId, value] of outcomes)
      this.settled.set(small.get(documentId) as IngestDocumentMessage, { status: 'fulfilled', value });
    for (const [documentId, reason] of failures) this.#fail(small.get(documentId) as IngestDocumentMessage, reason);
    for (const claim of left)
      this.#alone.push({ message: small.get(claim.documentId) as IngestDocumentMessage, claims: 1, claim });
  }

  /** The same message twice is one piece of work: the second one is acknowledged. */
  #once(messages: readonly IngestDocumentMessage[]): IngestDocumentMessage[] {
    const seen = new Set<string>();
    return messages.filter((message) => {
      const key = `${keyOf(message.document_id, message.version)} ${message.attempt}`;
      if (seen.has(key)) this.settled.set(message, { status: 'fulfilled', value: 'nothing_to_do' });
      return !seen.has(key) && seen.add(key);
    });
  }

  /** An outage ends the rest of the batch too: otherwise each document would wait for it on its own. */
  async finish(): Promise<void> {
    let outage: unknown;
    for (const { message, claim } of this.#alone.toSorted((one, other) => one.claims - other.claims)) {
      if (this.settled.has(message)) continue;
      if (outage !== undefined) this.#fail(message, outage);
      else if (performance.now() > this.#ends) this.settled.set(message, { status: 'fulfilled', value: 'put_off' });
      else {
        const ended = await settle(() =>
          claim ? ingestClaimed(this.#ports, claim) : ingestDocument(this.#ports, message),
        );
        this.settled.set(message, ended);
        if (ended.status === 'rejected' && isOutage(ended.reason)) outage = ended.reason;
      }
    }
  }

  #fail(message: IngestDocumentMessage, reason: unknown): void {
    if (!this.settled.has(message)) this.settled.set(message, { status: 'rejected', reason });
  }
}

async function settle(work: () => Promise<IngestOutcome>): Promise<Ingested> {
  const [ended] = await Promise.allSettled([work()]);
  return ended;
}

/** How often workers began with each version, and the size of its file if it is known. */
async function lookAt(
  db: Db,
  workspaceId: string,
  messages: readonly IngestDocumentMessage[],
): Promise<ReadonlyMap<string, { readonly claims: number; readonly bytes: number }>> {
  const { rows } = await db.query<{ document_id: string; version: number; claims: number; bytes: number }>(
    `SELECT document_id, version, claims, coalesce(bytes, ${mostBytesTogether} + 1)::float8 AS bytes FROM dbrag.document_versions
     WHERE workspace_id = $1 AND document_id = ANY($2::uuid[]) AND status IN ('queued', 'processing')`,
    [workspaceId, messages.map((message) => message.document_id)],
  );
  return new Map(rows.map((row) => [keyOf(row.document_id, row.version), row]));
}

function keyOf(documentId: string, version: number): string {
  return `${documentId} ${version}`;
}
