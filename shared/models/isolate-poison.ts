import type { Embedder, EmbedOptions } from './embedder.ts';
import { ModelError } from './model-error.ts';

/** What became of one text: its vector, or why no vector can be had for it. */
export type EmbedOutcome = Float32Array | ModelError;

/** One bad input among 2,048 takes 22 requests to find; where far more fail, the inputs are not what is wrong. */
const mostRequests = 64;

/**
 * Embeds texts of one request. When the provider refuses them, halves until the poison stands alone, so that its neighbours
 * succeed.
 * @throws ModelError of any kind but `input`, `transient` when so much is refused that it cannot be the texts, and `provider` when
 * every one of several texts was answered with rubbish
 */
export async function embedIsolatingPoison(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedOptions,
): Promise<readonly EmbedOutcome[]> {
  const outcomes = new Array<EmbedOutcome>(texts.length);
  const open: [start: number, end: number][] = texts.length > 0 ? [[0, texts.length]] : [];
  for (let requests = 0; ; requests += 1) {
    const range = open.pop();
    if (range === undefined) return notAllRubbish(outcomes);
    if (requests === mostRequests)
      throw new ModelError('transient', 'The model refuses too many inputs for them to be at fault.', {
        retryAfterSeconds: 60,
        isOurs: true,
      });
    const [start, end] = range;
    const result = await embedOrFault(embedder, texts.slice(start, end), options);
    if (!(result instanceof ModelError)) for (const [i, vector] of result.entries()) outcomes[start + i] = vector;
    else if (end - start === 1) outcomes[start] = result;
    else {
      const middle = (start + end) >>> 1;
      open.push([middle, end], [start, middle]);
    }
  }
}

/** A model of other dimensions than were asked for answers no text usably: that is for an operator, and no document's fault. */
function notAllRubbish(outcomes: readonly EmbedOutcome[]): readonly EmbedOutcome[] {
  const isRubbish = (outcome: EmbedOutcome) => outcome instanceof ModelError && outcome.badResponse;
  if (outcomes.length > 1 && outcomes.every(isRubbish))
    throw new ModelError('provider', 'The model gave no usable vector for any text.', { retryAfterSeconds: 60 });
  return outcomes;
}

async function embedOrFault(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedOptions,
): Promise<readonly Float32Array[] | ModelError> {
  try {
    return (await embedder.embed(texts, options)).vectors;
  } catch (error) {
    if (error instanceof ModelError && error.kind === 'input') return error;
    throw error;
  }
}
