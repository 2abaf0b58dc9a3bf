import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import type { Failpoint } from '../core/failpoint.ts';
import { longestDelaySeconds, type WorkQueue } from '../core/work-queue.ts';
import type { Admission } from '../models/circuit.ts';
import type { Embedder } from '../models/embedder.ts';
import type { ModelError } from '../models/model-error.ts';
import type { ModelPrice } from '../usage/prices.ts';
import { type Bought, type BuyPorts, buyEmbeddings, type Postponed } from './buy-embeddings.ts';
import { commitEmbeddings, type FilledChunk } from './commit-embeddings.ts';
import { nudgeEmbedding } from './embed-chunks.message.ts';
import type { LeasedChunk } from './lease-pending.ts';
import type { PendingPool } from './pending-pool.ts';
import { postponeChunks } from './postpone-chunks.ts';
import { refuseChunks } from './refuse-chunks.ts';

/** A model that computes vectors, and whether it may be called now. */
export interface ModelSpace {
  readonly embedder: Embedder;
  admission(): Promise<Admission>;
}

/** Why work waits, and for how long. */
export type Postponement = Pick<ModelError, 'message' | 'retryAfterSeconds'>;

export interface EmbedChunksPorts extends BuyPorts {
  readonly database: Database;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  readonly prices?: readonly ModelPrice[];
  /** Whether the embedder may be asked; left out: always. */
  readonly admission?: () => Promise<Admission>;
  /** The fallback space for chunks while the primary model is down; absent: they wait. */
  readonly fallback?: ModelSpace | null;
  /** The model let us down: work waits, and somebody should know. */
  readonly onPostponed: (error: Postponement, chunks: number) => void;
}

export interface Time {
  /** Milliseconds that this invocation still has. */
  readonly remainingTime: () => number;
  /** Some message was received before: its previous receiver may have crashed, and still hold chunks. */
  readonly isRepeated?: boolean;
  /** Some message has been received so often that a text it leads to may be what kills its workers. */
  readonly isSuspect?: boolean;
}

export interface Turn extends Time {
  /** Milliseconds to be left at the end. */
  readonly reserve: number;
  /** How long one pool is processed. */
  readonly turnMilliseconds: number;
}

export interface EmbedSummary {
  readonly embedded: number;
  readonly ready: number;
  /** Versions that were overtaken by what became ready, or may have ended with what was refused. */
  readonly retired: number;
  readonly refused: number;
  readonly postponed: number;
}

/** Documents of a commit: enough that round trips cost little, few enough that locks are short. */
const documentsPerCommit = 32;
/** The rest of the pool is revisited after this: the shortest delay that a queue supports. */
export const recheckSeconds = 1;
/** How long a provider is not called if it gave no time. */
const patienceSeconds = 60;
/** Spared for finding a text at fault. */
const doubtMilliseconds = 40_000;
/** A lease outlasts its invocation by this. */
export const leaseMarginSeconds = 15;

/** The outcome of the chunks that a worker held. It still holds those that were put off. */
export interface EmbeddedLease {
  readonly summary: EmbedSummary;
  readonly putOff: { readonly chunks: readonly LeasedChunk[]; readonly error: ModelError } | undefined;
  /** Also held, and not among those: requests that the model failed at, which may be the fault of one of their chunks. */
  readonly failed: readonly Postponed[];
}

/** Buys vectors for chunks that this worker holds, in the pool's own space or in the fallback's, and stores each as it comes. */
export async function embedLease(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  chunks: readonly LeasedChunk[],
  time: Turn,
  embedder: Embedder = ports.embedder,
): Promise<EmbeddedLease> {
  const milliseconds = Math.max(0, time.remainingTime() - time.reserve);
  // Time-outs may take all there is, and leave none to find the text at fault.
  const spared = milliseconds > 2 * doubtMilliseconds ? doubtMilliseconds : 0;
  const deadline = ports.clock.now().getTime() + milliseconds - spared;
  const buy = { ...ports, embedder };
  const putOff: LeasedChunk[] = [];
  const failed: Postponed[] = [];
  let error: ModelError | undefined;
  let summary = nothing;
  for await (const bought of buyEmbeddings(buy, pool.workspaceId, chunks, { deadline, priority: pool.priority })) {
    await ports.failpoint.reach('worker.after_cache_write');
    summary = add(summary, await storeBought(ports, pool, embedder.model, bought));
    const { postponed } = bought;
    if (postponed?.isInDoubt) failed.push(postponed);
    else if (postponed) putOff.push(...postponed.chunks);
    if (!postponed?.isInDoubt) error ??= postponed?.error;
  }
  return { summary, putOff: error && { chunks: putOff, error }, failed };
}

/** The lease with what may be the fault of a text among what is put off: nobody looks for it. */
export function allPutOff(lease: EmbeddedLease): EmbeddedLease {
  const { summary, putOff, failed } = lease;
  const error = putOff?.error ?? failed[0]?.error;
  if (!error) return lease;
  const chunks = [...(putOff?.chunks ?? []), ...failed.flatMap((request) => request.chunks)];
  return { summary, putOff: { chunks, error }, failed: [] };
}

/** Stores vectors, and fails the versions that hold what the model refuses. */
export async function storeBought(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  model: string,
  bought: Bought,
): Promise<EmbedSummary> {
  let ready = 0;
  let retired = bought.refused.length;
  for (const filled of byDocuments(bought.filled, documentsPerCommit)) {
    await ports.failpoint.reach('worker.before_commit');
    const finished = await ports.database.inWorkspace(pool, async (db) => {
      const moved = await commitEmbeddings(db, pool, filled, {
        model,
        ...(ports.prices ? { prices: ports.prices } : {}),
      });
      await ports.failpoint.reach('worker.before_swap');
      return moved;
    });
    ready += finished.length;
    retired += finished.filter(({ version }) => version > 1).length;
  }
  const { refused } = bought;
  if (refused.length > 0) await ports.database.inWorkspace(pool, (db) => refuseChunks(db, pool, refused));
  return { embedded: bought.filled.length, ready, retired, refused: refused.length, postponed: 0 };
}

/** The row waits, a delayed nudge takes over, and the message is acknowledged: waiting spends no receive. */
export async function postpone(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  { chunks, error }: NonNullable<EmbeddedLease['putOff']>,
): Promise<EmbedSummary> {
  ports.onPostponed(error, chunks.length);
  const seconds = Math.ceil(error.retryAfterSeconds ?? patienceSeconds);
  await ports.database.inWorkspace(pool, (db) => postponeChunks(db, pool, chunks, seconds));
  const first = chunks[0];
  if (first) await nudgePool(ports, pool, first.documentId, seconds + recheckSeconds);
  return { ...nothing, postponed: chunks.length };
}

/** Makes a worker revisit the pool. A delay beyond what a queue supports is shortened: a worker that comes early waits again. */
export async function nudgePool(
  ports: Pick<EmbedChunksPorts, 'queue'>,
  { workspaceId, priority }: PendingPool,
  documentId: string,
  delaySeconds: number,
): Promise<void> {
  const delay = Math.min(longestDelaySeconds, Math.ceil(delaySeconds));
  await nudgeEmbedding(ports.queue, priority, { workspaceId, documentId }, delay);
}

/** Documents whole, in the order in which they are locked. */
function* byDocuments(filled: readonly FilledChunk[], size: number): Generator<FilledChunk[]> {
  const documents = [...Map.groupBy(filled, (chunk) => chunk.documentId)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (let i = 0; i < documents.length; i += size) yield documents.slice(i, i + size).flatMap(([, chunks]) => chunks);
}

export const nothing: EmbedSummary = { embedded: 0, ready: 0, retired: 0, refused: 0, postponed: 0 };

export function add(a: EmbedSummary, b: EmbedSummary): EmbedSummary {
  return {
    embedded: a.embedded + b.embedded,
    ready: a.ready + b.ready,
    retired: a.retired + b.retired,
    refused: a.refused + b.refused,
    postponed: a.postponed + b.postponed,
  };
}
