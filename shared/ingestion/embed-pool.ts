import { newUuid } from '../core/ids.ts';
import type { Admission, OpenCircuit } from '../models/circuit.ts';
import type { Embedder } from '../models/embedder.ts';
import { embedDoubtedChunks, embedFailedChunks, faultOfProbe } from './embed-doubted-chunks.ts';
import {
  add,
  allPutOff,
  type EmbedChunksPorts,
  type EmbedSummary,
  embedLease,
  leaseMarginSeconds,
  nothing,
  nudgePool,
  postpone,
  recheckSeconds,
  type Time,
  type Turn,
} from './embed-lease.ts';
import type { LeaseRequest } from './find-candidates.ts';
import { type Lease, type LeasedChunk, leasePending } from './lease-pending.ts';
import { findHeld, leastTriedFirst, type PendingPool } from './pending-pool.ts';
import { noteWaiting } from './postpone-chunks.ts';

const requestsPerLease = 8;
/** An outage that is shorter than this is waited for; a longer one is bridged by the fallback model. */
const bridgedAfterMilliseconds = 20_000;
/** While a model is down, one message per pool circulates; when it is back, this many more workers are started. */
const workersAfterOutage = 3;

/**
 * Leases chunks from the pool until it is empty, until it holds too few for a request while more are coming, or until the turn is over. As
 * long as the pool holds chunks, one message for the document that has waited longest is on its way, or a worker will look again. So all
 * other messages may be acknowledged.
 */
export async function embedPool(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  own: readonly string[],
  time: Turn,
): Promise<EmbedSummary> {
  const turnEnds = time.remainingTime() - Math.min(time.turnMilliseconds, time.remainingTime() / 2);
  let summary = time.isSuspect ? await embedOneByOne(ports, pool, own, time) : nothing;
  for (;;) {
    const isOver = time.remainingTime() <= Math.max(turnEnds, time.reserve);
    const most = isOver || time.isSuspect ? 0 : requestsPerLease;
    let lease = await take(ports, pool, time, { documentIds: own, maximumRequests: most });
    let wasAway = false;
    if (lease.isOpen && !isOver) {
      const admission = (await ports.admission?.()) ?? { state: 'closed' };
      if (admission.state === 'open')
        return add(summary, await whileAway(ports, pool, own, lease.oldestLeft, admission, time));
      wasAway = admission.state === 'probe';
      // A text at fault would be taken for the end of no outage, again and again.
      const fault = admission.state === 'probe' ? await faultOfProbe(ports, time) : null;
      if (fault && admission.state === 'probe') {
        const seconds = fault.retryAfterSeconds ?? recheckSeconds;
        const away = { ...admission, state: 'open', seconds } as const;
        return add(summary, await whileAway(ports, pool, own, lease.oldestLeft, away, time));
      }
      lease = await take(ports, pool, time, {
        documentIds: own,
        maximumRequests: wasAway ? 1 : most,
        isAdmitted: true,
        alone: time.isSuspect ?? false,
      });
    }
    await ports.failpoint.reach('worker.after_claim');
    const before = summary;
    if (lease.chunks.length > 0) summary = add(summary, await embed(ports, pool, lease.chunks, time));
    // The postponed chunks have a message, which covers the rest of the pool too.
    if (summary.postponed > before.postponed) return summary;
    if (wasAway && summary.embedded > before.embedded) await callWorkers(ports, pool, lease.oldestLeft);
    if (lease.chunks.length > 0) continue;
    if (!lease.isOpen) summary = add(summary, await embedFailed(ports, pool, own, time));
    const isMine = isOver || summary.embedded > 0 || own.includes(lease.oldestLeft ?? '');
    if (lease.oldestLeft !== undefined && isMine)
      await nudgePool(ports, pool, lease.oldestLeft, isOver ? 0 : recheckSeconds);
    else if (time.isRepeated && lease.oldestLeft === undefined) await comeBack(ports, pool);
    return summary;
  }
}

/** Each document in separate requests, so that one that crashes its worker does not affect the others. */
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
      const request = { documentIds: [documentId], alone: true, maximumRequests: requestsPerLease };
      const { chunks } = await take(ports, pool, time, request);
      if (chunks.length === 0) break;
      summary = add(summary, await embed(ports, pool, chunks, time));
    }
  }
  return summary;
}

/** Embeds in the pool's own space. What the model does not give now waits, or goes into the fallback's space at once if that is due. */
async function embed(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  chunks: readonly LeasedChunk[],
  time: Turn,
): Promise<EmbedSummary> {
  const lease = await embedLease(ports, pool, chunks, time);
  const { summary, putOff } = lease.failed.length > 0 ? await embedDoubtedChunks(ports, pool, lease, time) : lease;
  if (!putOff) return summary;
  const admission = ports.fallback ? await ports.admission?.() : undefined;
  const embedder = admission?.state === 'open' && (await bridgeTo(ports, admission.open));
  if (!embedder) return add(summary, await postpone(ports, pool, putOff));
  const seconds = (putOff.error.retryAfterSeconds ?? 0) + recheckSeconds;
  const [first] = putOff.chunks;
  if (first) await nudgePool(ports, pool, first.documentId, seconds);
  return add(summary, await embedInto(ports, pool, putOff.chunks, time, embedder));
}

/**
 * The model is not called: its chunks wait, and one message of the pool returns when it may be called again. Where the stage has a
 * fallback model and the outage is not a short one, they are embedded in its space meanwhile, and stay pending in their own.
 */
async function whileAway(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  own: readonly string[],
  oldestLeft: string | undefined,
  { open, seconds }: Extract<Admission, { state: 'open' }>,
  time: Turn,
): Promise<EmbedSummary> {
  const bridge = await bridgeTo(ports, open);
  const summary = bridge ? await embedFallback(ports, pool, own, time, bridge) : nothing;
  await ports.database.inWorkspace(pool, (db) => noteWaiting(db, pool, own, seconds));
  ports.onPostponed({ message: open.reason, retryAfterSeconds: seconds }, 0);
  if (oldestLeft !== undefined && (summary.embedded > 0 || own.includes(oldestLeft)))
    await nudgePool(ports, pool, oldestLeft, seconds + recheckSeconds);
  return summary;
}

/** @returns the embedder of the fallback space, where the stage has one, it can be asked, and the outage is worth its price */
async function bridgeTo(
  { fallback, clock }: EmbedChunksPorts,
  { fault, since }: OpenCircuit,
): Promise<Embedder | undefined> {
  if (!fallback || fault === 'rate') return undefined;
  if (fault === 'outage' && clock.now().getTime() - since < bridgedAfterMilliseconds) return undefined;
  return (await fallback.admission()).state === 'open' ? undefined : fallback.embedder;
}

async function embedFallback(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  own: readonly string[],
  time: Turn,
  embedder: Embedder,
): Promise<EmbedSummary> {
  const turnEnds = time.remainingTime() - Math.min(time.turnMilliseconds, time.remainingTime() / 2);
  let summary = nothing;
  while (summary.postponed === 0 && time.remainingTime() > Math.max(turnEnds, time.reserve)) {
    const { chunks } = await take(ports, pool, time, {
      documentIds: own,
      maximumRequests: requestsPerLease,
      limits: embedder.limits,
      isAdmitted: true,
      forFallback: true,
      alone: time.isSuspect ?? false,
    });
    if (chunks.length === 0) break;
    summary = add(summary, await embedInto(ports, pool, chunks, time, embedder));
  }
  return summary;
}

async function embedInto(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  chunks: readonly LeasedChunk[],
  time: Turn,
  embedder: Embedder,
): Promise<EmbedSummary> {
  const { summary, putOff } = allPutOff(await embedLease(ports, pool, chunks, time, embedder));
  return putOff ? add(summary, await postpone(ports, pool, putOff)) : summary;
}

/** What the model failed at before is asked for behind everything else, since each text may take seconds. */
async function embedFailed(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  own: readonly string[],
  time: Turn,
): Promise<EmbedSummary> {
  const { summary, putOff } = await embedFailedChunks(ports, pool, own, time);
  return putOff ? add(summary, await postpone(ports, pool, putOff)) : summary;
}

async function callWorkers(ports: EmbedChunksPorts, pool: PendingPool, documentId: string | undefined): Promise<void> {
  if (documentId === undefined) return;
  for (let worker = 0; worker < workersAfterOutage; worker++) await nudgePool(ports, pool, documentId, 0);
}

async function take(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  time: Time,
  asked: Partial<LeaseRequest> & Pick<LeaseRequest, 'documentIds' | 'maximumRequests'>,
): Promise<Lease> {
  const leaseSeconds = time.remainingTime() / 1_000 + leaseMarginSeconds;
  const request = { leaseSeconds, leasedBy: newUuid(), limits: ports.embedder.limits, ...asked };
  return ports.database.inWorkspace(pool, (db) => leasePending(db, pool, request));
}

/**
 * The message of a worker that crashed can be redelivered before the worker's lease expires. If it were acknowledged then, only the
 * sweeper would bring those chunks back.
 */
async function comeBack(ports: EmbedChunksPorts, pool: PendingPool): Promise<void> {
  const held = await ports.database.inWorkspace(pool, (db) => findHeld(db, pool));
  if (held) await nudgePool(ports, pool, held.documentId, held.seconds + recheckSeconds);
}
