import type { Embedder, EmbedderLimits, Embeddings, EmbedOptions } from './embedder.ts';

/** An embedder around another one: of the same space and with the same limits, unless a subclass says otherwise. */
export abstract class EmbedderDecorator implements Embedder {
  protected readonly inner: Embedder;

  constructor(inner: Embedder) {
    this.inner = inner;
  }

  get model(): string {
    return this.inner.model;
  }

  get dimensions(): number {
    return this.inner.dimensions;
  }

  get limits(): EmbedderLimits {
    return this.inner.limits;
  }

  abstract embed(texts: readonly string[], options: EmbedOptions): Promise<Embeddings>;
}
