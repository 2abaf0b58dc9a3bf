import type { Embedder, EmbedderLimits, Embeddings, EmbedOptions } from './embedder.ts';

/** An embedder of shorter vectors, filled with zeros to the width of the column: that changes no cosine. */
export class PaddedEmbedder implements Embedder {
  private readonly inner: Embedder;
  readonly dimensions: number;

  /** @throws RangeError when the vectors are wider than that */
  constructor(inner: Embedder, width: number) {
    if (inner.dimensions > width)
      throw new RangeError(`Vectors of ${inner.dimensions} dimensions do not fit into ${width}.`);
    this.inner = inner;
    this.dimensions = width;
  }

  get model(): string {
    return this.inner.model;
  }

  get limits(): EmbedderLimits {
    return this.inner.limits;
  }

  async embed(texts: readonly string[], options: EmbedOptions): Promise<Embeddings> {
    const { vectors, tokens } = await this.inner.embed(texts, options);
    return { vectors: vectors.map((vector) => this.padded(vector)), tokens };
  }

  private padded(vector: Float32Array): Float32Array {
    if (vector.length === this.dimensions) return vector;
    const padded = new Float32Array(this.dimensions);
    padded.set(vector);
    return padded;
  }
}
