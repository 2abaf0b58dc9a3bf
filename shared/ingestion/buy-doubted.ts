import { embedDoubted } from '../models/embed-doubted.ts';
import type { EmbedOptions } from '../models/embedder.ts';
import type { EmbedOutcome } from '../models/isolate-poison.ts';
import { ModelError } from '../models/model-error.ts';
import { type Bought, type BuyPorts, keepBought } from './buy-embeddings.ts';
import type { LeasedChunk } from './lease-pending.ts';
import type { RefusedChunk } from './refuse-chunks.ts';

export interface DoubtedBought extends Bought {
  /** The model failed at each of these alone, and answers others. */
  readonly failed: readonly RefusedChunk[];
}

/** Gets vectors for the chunks of one request at which the model failed, although it answers others. */
export async function buyDoubted(
  ports: BuyPorts,
  workspaceId: string,
  chunks: readonly LeasedChunk[],
  options: EmbedOptions,
): Promise<DoubtedBought> {
  const texts = chunks.map((chunk) => chunk.text);
  const { outcomes, fault } = await embedDoubted(ports.embedder, texts, options);
  await ports.failpoint.reach('worker.after_embed_call');
  const known: { readonly chunk: LeasedChunk; readonly outcome: EmbedOutcome }[] = [];
  const [failed, left]: [RefusedChunk[], LeasedChunk[]] = [[], []];
  for (const [i, chunk] of chunks.entries()) {
    const outcome = outcomes[i];
    if (outcome === undefined) left.push(chunk);
    else if (outcome instanceof ModelError && outcome.kind !== 'input') failed.push({ chunk, reason: outcome.message });
    else known.push({ chunk, outcome });
  }
  const bought = await keepBought(ports, workspaceId, known);
  return { ...bought, failed, ...(fault ? { postponed: { chunks: left, error: fault } } : {}) };
}
