import type { Embedder, EmbedderLimits, Embeddings, EmbedOptions } from './embedder.ts';
import { type RetryPolicy, retryPolicy, withRetries } from './retry.ts';

/** An embedder that tries again, within the deadline of the call. */
export class RetryingEmbedder implements Embedder {
  private readonly inner: Embedder;
  private readonly policy: RetryPolicy;

  constructor(inner: Embedder, policy: RetryPolicy = retryPolicy) {
    this.inner = inner;
    this.policy = policy;
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

  embed(texts: readonly string[], options: EmbedOptions): Promise<Embeddings> {
    return withRetries(() => this.inner.embed(texts, options), options, this.policy);
  }
}
