import type { Embedder, EmbedOptions } from '../models/embedder.ts';
import { ModelError } from '../models/model-error.ts';

export interface EmbeddedTexts<Text> {
  /** Those that have a vector, in order. */
  readonly texts: readonly Text[];
  /** One for each of `texts`. */
  readonly vectors: readonly Float32Array[];
  /** As the provider counted them. */
  readonly tokens: number;
}

/**
 * Embeds the texts of one request. When the model refuses them, they are halved until those at fault are alone, and left out: one text
 * must not keep the others from their vectors.
 * @throws ModelError of any kind but `input`
 */
export async function embedTexts<Text extends { readonly text: string }>(
  embedder: Embedder,
  texts: readonly Text[],
  options: EmbedOptions,
): Promise<EmbeddedTexts<Text>> {
  try {
    const { vectors, tokens } = await embedder.embed(
      texts.map(({ text }) => text),
      options,
    );
    return { texts, vectors, tokens };
  } catch (error) {
    if (!(error instanceof ModelError) || error.kind !== 'input') throw error;
    if (texts.length === 1) return { texts: [], vectors: [], tokens: 0 };
    const middle = texts.length >>> 1;
    const first = await embedTexts(embedder, texts.slice(0, middle), options);
    const second = await embedTexts(embedder, texts.slice(middle), options);
    return {
      texts: [...first.texts, ...second.texts],
      vectors: [...first.vectors, ...second.vectors],
      tokens: first.tokens + second.tokens,
    };
  }
}
