import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import type { Failpoint } from '../core/failpoint.ts';
import { newUuid } from '../core/ids.ts';
import type { Priority, WorkQueue } from '../core/work-queue.ts';
import type { ModelError } from '../models/model-error.ts';
import type { ModelPrice } from '../usage/prices.ts';
import { type Bought, type BuyPorts, buyEmbeddings } from './buy-embeddings.ts';
import { commitEmbeddings, type FilledChunk } from './commit-embeddings.ts';
import { type EmbedChunksMessage, nudgeEmbedding } from './embed-chunks.message.ts';
import {
  findHeld,
  type Lease,
  type LeasedChunk,
  leasePending,
  leastTriedFirst,
  type PendingPool,
} from './lease-pending.ts';
import { postponeChunks } from './postpone-chunks.ts';
import { refuseChunks } from './refuse-chunks.ts';

export interface EmbedChunksPorts extends BuyPorts {
  readonly database: Database;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  readonly prices?: readonly ModelPrice[];
  /** The model let us down: work waits, and somebody should know. */
  readonly onPostponed: (error: ModelError, chunks: number) => void;
}

export interface Time {
  /** Milliseconds that this invocation still has. */
  readonly remainingTime: () => number;
  /** Some message has been received before: whoever had it may have died, and holds chunks still. */
  readonly isRepeated?: boolean;
  /** Some message has been received so often that a text it leads to may be what kills its workers. */
  readonly isSuspect?: boolean;
}

interface Turn extends Time {
  /** Milliseconds to be left at the end. */
  readonly reserve: number;
}

export interface EmbedSummary {
  readonly embedded: number;
  readonly ready: number;
  /** Versions that were overtaken by what became ready, or may have ended with what was refused. */
  readonly retired: number;
  readonly refused: number;
  readonly postponed: number;
}

/** Kept for the last commit of an invocation, at most a quarter of its time: no request is begun within it. */
const reserveMilliseconds = 15_000;
/** How long one invocation goes on for one workspace before it makes room for others. */
const turnMilliseconds = 30_000;
const requestsPerLease = 8;
/** Documents of a commit: enough that round trips cost little, few enough that locks are short. */
const documentsPerCommit = 32;
const leaseMarginSeconds = 15;
/** What is left in the pool is looked at again after this: the shortest delay that a queue knows. */
const recheckSeconds = 1;
/** How long a provider is left alone that did not say, and the longest delay of a queue. */
const patienceSeconds = 60;
const longestDelaySeconds = 900;

/**
 * Embeds what the messages point to, and more of the same pools: whatever waits in a workspace at a priority, for as long as there
 * is time. Safe to run any number of times, at the same time too. A provider that is down fails nothing: its chunks wait.
 */
export async function embedChunks(
  ports: EmbedChunksPorts,
  messages: readonly EmbedChunksMessage[],
  time: Time,
): Promise<EmbedSummary> {
  await ports.failpoint.reach('worker.after_receive');
  const reserve = Math.min(reserveMilliseconds, time.remainingTime() / 4);
  let summary = nothing;
  for (const { pool, documents } of await findPools(ports, messages))
    summary = add(summary, await embedPool(ports, pool, documents, { ...time, reserve }));
  await ports.failpoint.reach('worker.after_commit_before_ack');
  return summary;
}

interface Pool {
  readonly pool: PendingPool;
  readonly documents: readonly EmbedChunksMessage[];
}

/** Messages of one workspace and priority are one piece of work. */
async function findPools(ports: EmbedChunksPorts, messages: readonly EmbedChunksMessage[]): Promise<Pool[]> {
  const pools: Pool[] = [];
  for (const [workspaceId, ofWorkspace] of Map.groupBy(messages, (message) => message.workspace_id)) {
    const byPriority = Map.groupBy(await withPriority(ports, workspaceId, ofWorkspace), ({ priority }) => priority);
    for (const [priority, found] of byPriority) {
      const pool = { workspaceId, model: ports.embedder.model, priority };
      pools.push({ pool, documents: found.map(({ message }) => message) });
    }
  }
  return pools;
}

async function withPriority(
  ports: EmbedChunksPorts,
  workspaceId: string,
  messages: readonly EmbedChunksMessage[],
): Promise<{ readonly message: EmbedChunksMessage; readonly priority: Priority }[]> {
  const unsaid = messages.filter((message) => !message.priority);
  const found = new Map<string, Priority>();
  if (unsaid.length > 0) {
    const { rows } = await ports.database.inWorkspace({ workspaceId }, (db) =>
      db.query<{ document_id: string; priority: Priority }>(
        'SELECT document_id, priority FROM dbrag.document_versions WHERE workspace_id = $1 AND document_id = ANY($2::uuid[]) ORDER BY version',
        [workspaceId, unsaid.map((message) => message.document_id)],
      ),
    );
    for (const row of rows) found.set(row.document_id, row.priority);
  }
  return messages.flatMap((message) => {
    const priority = message.priority ?? found.get(message.document_id);
    return priority ? [{ message, priority }] : [];
  });
}

/**
 * Takes from the pool until it is empty, holds too little for a request while more is coming, or the turn is over. As long as a pool
 * holds something, one message is on its way for the document that has waited longest, or a worker will look again: so all others
 * may be acknowledged.
 */
async function embedPool(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  documents: readonly EmbedChunksMessage[],
  time: Turn,
): Promise<EmbedSummary> {
  const turnEnds = time.remainingTime() - Math.min(turnMilliseconds, time.remainingTime() / 2);
  const own = documents.map((message) => message.document_id);
  let summary = time.isSuspect ? await embedOneByOne(ports, pool, own, time) : nothing;
  for (;;) {
    const isOver = time.remainingTime() <= Math.max(turnEnds, time.reserve);
    const lease = await take(ports, pool, own, isOver || time.isSuspect ? 0 : requestsPerLease, time);
    await ports.failpoint.reach('worker.after_claim');
    if (lease.chunks.length > 0) summary = add(summary, await embedLease(ports, pool, lease.chunks, time));
    if (lease.chunks.length > 0 && summary.postponed === 0) continue;
    const isMine = isOver || summary.embedded > 0 || own.includes(lease.oldestLeft ?? '');
    if (lease.oldestLeft !== undefined && isMine)
      await nudge(ports, pool, lease.oldestLeft, isOver ? 0 : recheckSeconds);
    else if (time.isRepeated && lease.oldestLeft === undefined) await comeBack(ports, pool);
    return summary;
  }
}

/** Each document in requests of its own, so that the one that kills its worker takes no other with it. */
async function embedOneByOne(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  documentIds: readonly string[],
  time: Turn,
): Promise<EmbedSummary> {
  let summary = nothing;
  const ordered = await ports.database.inWorkspace(pool, (db) => leastTriedFirst(db, pool, documentIds));
  for (const documentId of ordered) {
    while (time.remainingTime() > time.reserve && summary.postponed === 0) {
      const { chunks } = await take(ports, pool, [documentId], requestsPerLease, time, true);
      if (chunks.length === 0) break;
      summary = add(summary, await embedLease(ports, pool, chunks, time));
    }
  }
  return summary;
}

async function take(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  documentIds: readonly string[],
  maximumRequests: number,
  time: Time,
  alone = false,
): Promise<Lease> {
  const leaseSeconds = time.remainingTime() / 1_000 + leaseMarginSeconds;
  const { limits } = ports.embedder;
  const request = { documentIds, alone, maximumRequests, leaseSeconds, leasedBy: newUuid(), limits };
  return ports.database.inWorkspace(pool, (db) => leasePending(db, pool, request));
}

/**
 * The message of a worker that died can come again before what the worker held is free. Were it acknowledged then, nothing but the
 * sweeper would come back for those chunks.
 */
async function comeBack(ports: EmbedChunksPorts, pool: PendingPool): Promise<void> {
  const held = await ports.database.inWorkspace(pool, (db) => findHeld(db, pool));
  if (held) await nudge(ports, pool, held.documentId, Math.min(longestDelaySeconds, held.seconds + recheckSeconds));
}

async function nudge(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  documentId: string,
  delaySeconds: number,
): Promise<void> {
  const { workspaceId, priority } = pool;
  await nudgeEmbedding(ports.queue, priority, { workspaceId, documentId }, delaySeconds);
}

async function embedLease(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  chunks: readonly LeasedChunk[],
  time: Turn,
): Promise<EmbedSummary> {
  const deadline = ports.clock.now().getTime() + Math.max(0, time.remainingTime() - time.reserve);
  let summary = nothing;
  for await (const bought of buyEmbeddings(ports, pool.workspaceId, chunks, { deadline })) {
    await ports.failpoint.reach('worker.after_cache_write');
    summary = add(summary, await commit(ports, pool, bought));
  }
  return summary;
}

async function commit(ports: EmbedChunksPorts, pool: PendingPool, bought: Bought): Promise<EmbedSummary> {
  let ready = 0;
  let retired = bought.refused.length;
  for (const filled of byDocuments(bought.filled, documentsPerCommit)) {
    await ports.failpoint.reach('worker.before_commit');
    const finished = await ports.database.inWorkspace(pool, async (db) => {
      const moved = await commitEmbeddings(db, pool, filled, ports.prices);
      await ports.failpoint.reach('worker.before_swap');
      return moved;
    });
    ready += finished.length;
    retired += finished.filter(({ version }) => version > 1).length;
  }
  const { refused, postponed } = bought;
  if (refused.length > 0) await ports.database.inWorkspace(pool, (db) => refuseChunks(db, pool, refused));
  if (postponed) await postpone(ports, pool, postponed.chunks, postponed.error);
  return {
    embedded: bought.filled.length,
    ready,
    retired,
    refused: refused.length,
    postponed: postponed?.chunks.length ?? 0,
  };
}

/** The row waits, a delayed nudge takes over, and the message is acknowledged: waiting spends no receive. */
async function postpone(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  chunks: readonly LeasedChunk[],
  error: ModelError,
): Promise<void> {
  ports.onPostponed(error, chunks.length);
  const seconds = Math.ceil(error.retryAfterSeconds ?? patienceSeconds);
  await ports.database.inWorkspace(pool, (db) => postponeChunks(db, pool, chunks, seconds));
  const first = chunks[0];
  if (first) await nudge(ports, pool, first.documentId, Math.min(longestDelaySeconds, seconds + recheckSeconds));
}

/** Documents whole, in the order in which they are locked. */
function* byDocuments(filled: readonly FilledChunk[], size: number): Generator<FilledChunk[]> {
  const documents = [...Map.groupBy(filled, (chunk) => chunk.documentId)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (let i = 0; i < documents.length; i += size) yield documents.slice(i, i + size).flatMap(([, chunks]) => chunks);
}

const nothing: EmbedSummary = { embedded: 0, ready: 0, retired: 0, refused: 0, postponed: 0 };

function add(a: EmbedSummary, b: EmbedSummary): EmbedSummary {
  return {
    embedded: a.embedded + b.embedded,
    ready: a.ready + b.ready,
    retired: a.retired + b.retired,
    refused: a.refused + b.refused,
    postponed: a.postponed + b.postponed,
  };
}
