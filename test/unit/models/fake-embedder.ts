import {
  type Embedder,
  type Embeddings,
  type EmbedOptions,
  openaiEmbeddingLimits,
} from '../../../shared/models/embedder.ts';

/** Gives every text its own vector and remembers each request; `fault` may throw instead. */
export class FakeEmbedder implements Embedder {
  readonly model = 'fake';
  readonly dimensions = 4;
  readonly limits = openaiEmbeddingLimits;
  readonly requests: (readonly string[])[] = [];
  fault: (texts: readonly string[]) => void | Promise<void> = () => {};

  async embed(texts: readonly string[], _options: EmbedOptions): Promise<Embeddings> {
    this.requests.push(texts);
    await this.fault(texts);
    return { vectors: texts.map(vectorOf), tokens: texts.length };
  }
}

export function vectorOf(text: string): Float32Array {
  return Float32Array.from([text.length + 1, text.charCodeAt(0) || 1, text.charCodeAt(1) || 1, 1]);
}
