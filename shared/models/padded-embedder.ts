import type { Embedder, Embeddings, EmbedOptions } from './embedder.ts';
import { EmbedderDecorator } from './embedder-decorator.ts';

/** An embedder of shorter vectors, filled with zeros to the width of the column: that changes no cosine. */
export class PaddedEmbedder extends EmbedderDecorator {
  private readonly width: number;

  /** @throws RangeError when the vectors are wider than that */
  constructor(inner: Embedder, width: number) {
    super(inner);
    if (inner.dimensions > width)
      throw new RangeError(`Vectors of ${inner.dimensions} dimensions do not fit into ${width}.`);
    this.width = width;
  }

  override get dimensions(): number {
    return this.width;
  }

  override async embed(texts: readonly string[], options: EmbedOptions): Promise<Embeddings> {
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
