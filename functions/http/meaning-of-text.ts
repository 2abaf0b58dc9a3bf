import type { Meaning } from '../../shared/databases/sql-knowledge.ts';
import type { UsageEvent } from '../../shared/usage/record-usage.ts';
import type { Services } from '../runtime/services.ts';

/** Short, because a caller is waiting and the text can be stored without a vector. */
const embedMilliseconds = 5_000;

export type BoughtMeaning = (NonNullable<Meaning> & { readonly tokens: number }) | null;

/** The vector of a text about a database; null while the model is unavailable: the nightly pass embeds it then. */
export async function meaningOf({ space, log }: Services, text: string): Promise<BoughtMeaning> {
  try {
    const { vectors, tokens } = await space.embedder.embed([text], { deadline: Date.now() + embedMilliseconds });
    const [vector] = vectors;
    return vector ? { vector, model: space.embedder.model, tokens } : null;
  } catch (error) {
    log.requestFailed(error, { method: 'EMBED', path: 'catalog' });
    return null;
  }
}

export const usageOfMeaning = (meaning: BoughtMeaning): UsageEvent[] =>
  meaning
    ? [{ operation: 'describe_table' as const, model: meaning.model, requests: 1, embeddingTokens: meaning.tokens }]
    : [];
