import { faultOfModel, harmless } from '../models/doubt-model.ts';
import type { Embedder, EmbedOptions } from '../models/embedder.ts';
import { ModelError } from '../models/model-error.ts';

export interface EmbeddedTexts<Text> {
  /** Those that have a vector, in order. */
  readonly texts: readonly Text[];
  /** One for each of `texts`. */
  readonly vectors: readonly Float32Array[];
  /** Those that are at fault themselves, in order: the model answers others. */
  readonly refused: readonly { readonly text: Text; readonly error: ModelError }[];
  /** As the provider counted them. */
  readonly tokens: number;
  /** That the provider answered with vectors. */
  readonly requests: number;
  /** Why it ended before all texts were tried: the model is at fault. What was embedded before is paid for and belongs to the caller. */
  readonly failure: ModelError | null;
}

/**
 * Embeds the texts of one request. When the model refuses them, or fails at them while it answers others, they are halved until those
 * at fault are alone, and left out: one text must not keep the others from their vectors.
 * @param optionsOfCall asked before each call of the model, so that halves do not share one deadline; null: there is no time for another
 */
export async function embedTexts<Text extends { readonly text: string }>(
  embedder: Embedder,
  texts: readonly Text[],
  optionsOfCall: () => EmbedOptions | null,
): Promise<EmbeddedTexts<Text>> {
  const [embedded, vectors]: [Text[], Float32Array[]] = [[], []];
  const refused: { text: Text; error: ModelError }[] = [];
  let [tokens, requests] = [0, 0];
  const end = (failure: ModelError | null) => ({ texts: embedded, vectors, refused, tokens, requests, failure });
  const ask = async (asked: readonly string[], options: EmbedOptions) => {
    const answer = await embedder.embed(asked, options);
    tokens += answer.tokens;
    requests += 1;
    return answer.vectors;
  };
  const parts = [texts];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const options = optionsOfCall();
    if (options === null) break;
    try {
      vectors.push(
        ...(await ask(
          part.map(({ text }) => text),
          options,
        )),
      );
      embedded.push(...part);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      if (isOfTheModel(error)) return end(error);
      const [only] = part.length === 1 ? part : [];
      // A refusal that others share is looked into by halving alone; a failure may be the beginning of an outage.
      if (error.kind !== 'input' || (only && requests === 0)) {
        const doubt = optionsOfCall();
        if (doubt === null) break;
        const fault = await faultOfModel(() => ask([harmless], doubt), error, doubt);
        if (fault) return end(fault);
      }
      const middle = part.length >>> 1;
      // Others had it left alone.
      if (error.isUntried) parts.push(part);
      else if (only) refused.push({ text: only, error });
      else parts.push(part.slice(middle), part.slice(0, middle));
    }
  }
  return end(null);
}

/** Whether the error is known to be none of the texts, and nothing that a harmless one would tell more of. */
function isOfTheModel(error: ModelError): boolean {
  return error.kind === 'provider' || (error.kind === 'transient' && error.isUntried);
}
