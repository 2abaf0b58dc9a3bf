import type { Failpoint } from '../core/failpoint.ts';
import type { Embedder, EmbedOptions } from '../models/embedder.ts';
import type { EmbeddingCache } from '../models/embedding-cache.ts';
import { type EmbedOutcome, embedIsolatingPoison } from '../models/isolate-poison.ts';
import { ModelError } from '../models/model-error.ts';
import { packRequests } from '../models/pack-requests.ts';
import type { FilledChunk } from './commit-embeddings.ts';
import type { LeasedChunk } from './lease-pending.ts';
import type { RefusedChunk } from './refuse-chunks.ts';

export interface BuyPorts {
  readonly embedder: Embedder;
  readonly cache: EmbeddingCache;
  readonly failpoint: Failpoint;
}

/** The outcome of the chunks of one request (or of those found in the cache). */
export interface Bought {
  readonly filled: readonly FilledChunk[];
  readonly refused: readonly RefusedChunk[];
  /** Not embedded now, because the provider must not be called for a while; the reason. */
  readonly postponed?: Postponed;
}

export interface Postponed {
  readonly chunks: readonly LeasedChunk[];
  readonly error: ModelError;
  /** The model was asked for exactly these and failed, which may be the fault of one of them. */
  readonly isInDoubt?: boolean;
}

/** At 80 ms a request, four at a time already give four times what a live index can take. */
const requestsInFlight = 4;

/**
 * Gets vectors for chunks: from the cache, then from the model in as few requests as the limits allow, several at a time. Yields
 * results as they arrive. Errors of the model are part of the results, others are thrown.
 */
export async function* buyEmbeddings(
  ports: BuyPorts,
  workspaceId: string,
  chunks: readonly LeasedChunk[],
  options: EmbedOptions,
): AsyncGenerator<Bought> {
  const { embedder } = ports;
  const space = { workspaceId, model: embedder.model, dimensions: embedder.dimensions };
  const known = await ports.cache.get(
    space,
    chunks.map((chunk) => chunk.contentHash),
  );
  const filled = chunks.flatMap((chunk, i) => (known[i] ? [fill(chunk, known[i])] : []));
  const { requests, tooLong } = packRequests(
    chunks.filter((_, i) => !known[i]),
    embedder.limits,
  );
  const refused = tooLong.map((chunk) => ({ chunk, reason: `it has ${chunk.tokens} tokens.` }));
  if (filled.length > 0 || refused.length > 0) yield { filled, refused };
  let failed: ModelError | undefined;
  yield* inFlight(requests, requestsInFlight, async (request) => {
    // One request that had to be given up is enough to stop calling the provider.
    if (failed) return { filled: [], refused: [], postponed: { chunks: request, error: failed } };
    const bought = await buyRequest(ports, workspaceId, request, options);
    failed ??= bought.postponed?.error;
    return bought;
  });
}

async function buyRequest(
  ports: BuyPorts,
  workspaceId: string,
  chunks: readonly LeasedChunk[],
  options: EmbedOptions,
): Promise<Bought> {
  try {
    const texts = chunks.map((chunk) => chunk.text);
    const outcomes = await embedIsolatingPoison(ports.embedder, texts, options);
    await ports.failpoint.reach('worker.after_embed_call');
    const known = chunks.map((chunk, i) => ({ chunk, outcome: outcomes[i] as EmbedOutcome }));
    return await keepBought(ports, workspaceId, known);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    const isInDoubt = error.kind !== 'provider' && !error.isUntried;
    return { filled: [], refused: [], postponed: { chunks, error, isInDoubt } };
  }
}

/** Remembers in the cache what was bought. */
export async function keepBought(
  { embedder, cache }: BuyPorts,
  workspaceId: string,
  known: readonly { readonly chunk: LeasedChunk; readonly outcome: EmbedOutcome }[],
): Promise<Bought> {
  const filled: FilledChunk[] = [];
  const refused: RefusedChunk[] = [];
  for (const { chunk, outcome } of known)
    if (outcome instanceof ModelError) refused.push({ chunk, reason: outcome.message });
    else filled.push(fill(chunk, outcome));
  await cache.set(
    { workspaceId, model: embedder.model, dimensions: embedder.dimensions },
    filled.map(({ contentHash, vector }) => ({ hash: contentHash, vector })),
  );
  return { filled, refused };
}

function fill({ documentId, contentHash, leasedBy }: LeasedChunk, vector: Float32Array): FilledChunk {
  return { documentId, contentHash, leasedBy, vector };
}

/** Runs at most `limit` at a time and yields results as they arrive; the rest is not started when the reader stops. */
async function* inFlight<Item, Result>(
  items: readonly Item[],
  limit: number,
  run: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running = new Set<Promise<{ readonly result: Result; readonly self: () => unknown }>>();
  const waiting = items.values();
  const begin = (): void => {
    const { value, done } = waiting.next();
    if (done) return;
    const started: Promise<{ readonly result: Result; readonly self: () => unknown }> = run(value).then((result) => ({
      result,
      self: () => running.delete(started),
    }));
    // If the reader stops, nobody awaits it: that must not be an unhandled rejection.
    started.catch(() => {});
    running.add(started);
  };
  for (let i = 0; i < limit; i += 1) begin();
  while (running.size > 0) {
    const { result, self } = await Promise.race(running);
    self();
    begin();
    yield result;
  }
}
