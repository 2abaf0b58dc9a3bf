import type { Embedder, EmbedOptions } from '../models/embedder.ts';
import { ModelError } from '../models/model-error.ts';

export interface EmbeddedTexts<Text> {
  /** Those that have a vector, in order. */
  readonly texts: readonly Text[];
  /** One for each of `texts`. */
  readonly vectors: readonly Float32Array[];
  /** As the provider counted them. */
  readonly tokens: number;
  /** That the provider answered with vectors. */
  readonly requests: number;
  /** Why it ended before all texts were tried; of any kind but `input`. What was embedded before is paid for and belongs to the caller. */
  readonly failure: ModelError | null;
}

/**
 * Embeds the texts of one request. When the model refuses them, they are halved until those at fault are alone, and left out: one text
 * must not keep the others from their vectors.
 * @param optionsOfCall asked before each call of the model, so that halves do not share one deadline; null: there is no time for another
 */
export async function embedTexts<Text extends { readonly text: string }>(
  embedder: Embedder,
  texts: readonly Text[],
  optionsOfCall: () => EmbedOptions | null,
): Promise<EmbeddedTexts<Text>> {
  const [embedded, vectors]: [Text[], Float32Array[]] = [[], []];
  let [tokens, requests] = [0, 0];
  const end = (failure: ModelError | null) => ({ texts: embedded, vectors, tokens, requests, failure });
  const parts = [texts];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const options = optionsOfCall();
    if (options === null) break;
    try {
      const answer = await embedder.embed(
        part.map(({ text }) => text),
        options,
      );
      embedded.push(...part);
      vectors.push(...answer.vectors);
      tokens += answer.tokens;
      requests += 1;
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      if (error.kind !== 'input') return end(error);
      const middle = part.length >>> 1;
      if (middle > 0) parts.push(part.slice(middle), part.slice(0, middle));
    }
  }
  return end(null);
}
