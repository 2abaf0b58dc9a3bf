import { faultOfModel, harmless } from './doubt-model.ts';
import type { Embedder, EmbedOptions } from './embedder.ts';
import type { EmbedOutcome } from './isolate-poison.ts';
import { ModelError } from './model-error.ts';
import { retryPolicy } from './retry.ts';

export interface DoubtedOutcomes {
  /**
   * One a text: its vector, or what the model said of this text alone while it answered a harmless one. An error of kind `input` is a refusal;
   * any other may pass. Undefined: not found out.
   */
  readonly outcomes: readonly (EmbedOutcome | undefined)[];
  /** Why some are not found out; null: all are. */
  readonly fault: ModelError | null;
}

/** The retries of a text that is answered with silence must leave time for its neighbours. */
const patienceMilliseconds = 10_000;
/** One text among 2,048 takes 23 requests to find. */
const mostRequests = 64;

/**
 * Embeds texts at which a model failed that answers others: halves them until those that it fails at are alone. Larger parts come first, so that most
 * neighbours have their vectors when time ends. Each failure is compared with a harmless text, so that an outage that begins meanwhile blames none.
 */
export async function embedDoubted(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedOptions,
): Promise<DoubtedOutcomes> {
  const outcomes = new Array<EmbedOutcome | undefined>(texts.length).fill(undefined);
  const parts: (readonly [start: number, end: number])[] = texts.length > 0 ? [[0, texts.length]] : [];
  for (let requests = 0; ; requests += 1) {
    const part = parts.shift();
    if (part === undefined) return { outcomes, fault: null };
    if (requests === mostRequests) return { outcomes, fault: tooMany() };
    const [start, end] = part;
    const deadline = Math.min(options.deadline, retryPolicy.now() + patienceMilliseconds);
    try {
      const { vectors } = await embedder.embed(texts.slice(start, end), { ...options, deadline, isDoubted: true });
      for (const [i, vector] of vectors.entries()) outcomes[start + i] = vector;
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      if (error.kind === 'provider' || error.isUntried) return { outcomes, fault: error };
      const fault = error.kind === 'input' ? null : await faultOfHarmless(embedder, error, options);
      if (fault) return { outcomes, fault };
      const middle = (start + end) >>> 1;
      if (end - start === 1) outcomes[start] = error;
      else parts.push([start, middle], [middle, end]);
    }
  }
}

/** @returns what is wrong with a model that failed; null: nothing, since it answers a harmless text */
export function faultOfHarmless(
  embedder: Embedder,
  error: ModelError,
  options: EmbedOptions,
): Promise<ModelError | null> {
  // Without a priority it waits for no budget: it is one token.
  const { deadline, signal } = options;
  return faultOfModel(() => embedder.embed([harmless], { deadline, signal }), error, options);
}

function tooMany(): ModelError {
  return new ModelError('transient', 'The model fails at too many texts for one request.', { retryAfterSeconds: 60 });
}
