import type { Embedder, Embeddings, EmbedOptions } from './embedder.ts';
import { EmbedderDecorator } from './embedder-decorator.ts';
import { type RetryPolicy, retryPolicy, withRetries } from './retry.ts';

/** An embedder that tries again, within the deadline of the call. */
export class RetryingEmbedder extends EmbedderDecorator {
  private readonly policy: RetryPolicy;

  constructor(inner: Embedder, policy: RetryPolicy = retryPolicy) {
    super(inner);
    this.policy = policy;
  }

  override embed(texts: readonly string[], options: EmbedOptions): Promise<Embeddings> {
    return withRetries(() => this.inner.embed(texts, options), options, this.policy);
  }
}
