/** What a model costs, as its provider published it on a day. Check before you rely on it; a stage may override it. */
export interface ModelPrice {
  readonly model: string;
  /** US dollars for a million tokens. */
  readonly input: number;
  readonly output: number;
  /** The day on which the price was looked up (ISO 8601). */
  readonly asOf: string;
}

/**
 * The one table of prices: of the standard tier, without the discounts for repeated prompts and batches, as the provider's page
 * (developers.openai.com/api/docs/pricing) was read on the day beside each. Check before you rely on one.
 */
export const prices: readonly ModelPrice[] = [
  { model: 'text-embedding-3-small', input: 0.02, output: 0, asOf: '2026-11-01' },
  { model: 'text-embedding-3-large', input: 0.13, output: 0, asOf: '2026-11-01' },
  { model: 'text-embedding-ada-002', input: 0.1, output: 0, asOf: '2026-11-01' },
  { model: 'gpt-5.5', input: 5, output: 30, asOf: '2026-05-04' },
  { model: 'gpt-5.4', input: 2.5, output: 15, asOf: '2026-05-04' },
  { model: 'gpt-5.4-mini', input: 0.75, output: 4.5, asOf: '2026-05-04' },
  { model: 'gpt-5.4-nano', input: 0.2, output: 1.25, asOf: '2026-05-04' },
  { model: 'gpt-4.1', input: 2, output: 8, asOf: '2026-05-07' },
  { model: 'gpt-4.1-mini', input: 0.4, output: 1.6, asOf: '2026-05-07' },
  { model: 'gpt-4o-mini', input: 0.15, output: 0.6, asOf: '2026-05-07' },
];

export interface TokenUse {
  readonly input: number;
  readonly output?: number;
}

/** @returns US dollars; 0 for a model that the table does not know: usage is recorded in tokens all the same */
export function costUsd(model: string, use: TokenUse, table: readonly ModelPrice[] = prices): number {
  const price = table.find((entry) => entry.model === model);
  if (!price) return 0;
  return (use.input * price.input + (use.output ?? 0) * price.output) / 1_000_000;
}
