import { newUuid } from '../core/ids.ts';
import { harmless } from '../models/doubt-model.ts';
import { faultOfHarmless } from '../models/embed-doubted.ts';
import type { EmbedOptions } from '../models/embedder.ts';
import { ModelError } from '../models/model-error.ts';
import { buyDoubted, type DoubtedBought } from './buy-doubted.ts';
import {
  add,
  type EmbedChunksPorts,
  type EmbeddedLease,
  type EmbedSummary,
  leaseMarginSeconds,
  nothing,
  nudgePool,
  recheckSeconds,
  storeBought,
  type Turn,
} from './embed-lease.ts';
import { keepFailures } from './keep-failures.ts';
import { leaseFailed } from './lease-failed.ts';
import type { PendingPool } from './pending-pool.ts';

/** Texts of which each may keep its worker waiting for seconds. */
const failedAtOnce = 4;
/** A word is answered in a moment, or the model is still away. */
const probeMilliseconds = 10_000;

/**
 * Looks for the chunks at fault in the requests of a lease that the model failed at. Where it does not answer a harmless text either,
 * nothing is at fault but the model, and all of them are put off.
 */
export async function embedDoubtedChunks(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  lease: EmbeddedLease,
  time: Turn,
): Promise<EmbeddedLease> {
  const [first] = lease.failed;
  if (!first) return lease;
  const options = optionsOf(ports, pool, time);
  let fault = await faultOfHarmless(ports.embedder, first.error, options);
  let { summary } = lease;
  const putOff = [...(lease.putOff?.chunks ?? [])];
  for (const { chunks } of lease.failed) {
    if (fault) {
      putOff.push(...chunks);
      continue;
    }
    const bought = await buyDoubted(ports, pool.workspaceId, chunks, options);
    summary = add(summary, await storeDoubted(ports, pool, bought));
    putOff.push(...(bought.postponed?.chunks ?? []));
    fault = bought.postponed?.error ?? null;
  }
  const error = fault ?? lease.putOff?.error;
  return { summary, putOff: error && { chunks: putOff, error }, failed: [] };
}

/** Asks again for chunks of the pool that the model failed at before, each alone, once they have waited. */
export async function embedFailedChunks(
  ports: EmbedChunksPorts,
  pool: PendingPool,
  own: readonly string[],
  time: Turn,
): Promise<EmbeddedLease> {
  let summary = nothing;
  for (let asked = 0; time.remainingTime() > time.reserve; asked++) {
    const leaseSeconds = time.remainingTime() / 1_000 + leaseMarginSeconds;
    const request = { documentIds: own, alone: time.isSuspect ?? false, leaseSeconds, leasedBy: newUuid() };
    const chunk = await ports.database.inWorkspace(pool, (db) => leaseFailed(db, pool, request));
    if (!chunk) break;
    const bought = await buyDoubted(ports, pool.workspaceId, [chunk], optionsOf(ports, pool, time));
    summary = add(summary, await storeDoubted(ports, pool, bought));
    if (bought.postponed) return { summary, putOff: bought.postponed, failed: [] };
    if (asked + 1 === failedAtOnce) {
      await nudgePool(ports, pool, chunk.documentId, recheckSeconds);
      break;
    }
  }
  return { summary, putOff: undefined, failed: [] };
}

/** @returns why the model is still away, by a harmless text; null: it answers, and its circuit is closed */
export async function faultOfProbe({ embedder, clock }: EmbedChunksPorts, time: Turn): Promise<ModelError | null> {
  const milliseconds = Math.min(probeMilliseconds, Math.max(0, time.remainingTime() - time.reserve));
  try {
    await embedder.embed([harmless], { deadline: clock.now().getTime() + milliseconds });
    return null;
  } catch (error) {
    if (error instanceof ModelError) return error;
    throw error;
  }
}

async function storeDoubted(ports: EmbedChunksPorts, pool: PendingPool, bought: DoubtedBought): Promise<EmbedSummary> {
  const { failed } = bought;
  const summary = await storeBought(ports, pool, ports.embedder.model, bought);
  if (failed.length === 0) return summary;
  const { waits, refused } = await ports.database.inWorkspace(pool, (db) => keepFailures(db, pool, failed));
  for (const [documentId, seconds] of waits) await nudgePool(ports, pool, documentId, seconds + recheckSeconds);
  return add(summary, { ...nothing, refused, retired: refused });
}

function optionsOf({ clock }: EmbedChunksPorts, { priority }: PendingPool, time: Turn): EmbedOptions {
  return { deadline: clock.now().getTime() + Math.max(0, time.remainingTime() - time.reserve), priority };
}
