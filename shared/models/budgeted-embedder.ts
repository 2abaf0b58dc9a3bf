import type { TokenBudget } from '../limits/token-budget.ts';
import type { Embedder, EmbedderLimits, Embeddings, EmbedOptions } from './embedder.ts';
import { EmbedderDecorator } from './embedder-decorator.ts';
import { ModelError } from './model-error.ts';
import { type RetryPolicy, retryPolicy } from './retry.ts';

/** Bytes that the provider's rate limiter counts as one token. */
const bytesPerToken = 4;

/**
 * An embedder that keeps to a budget of tokens a minute. It waits for its turn, in place where that is short, and leaves longer waits
 * to its caller, whose row can wait. A call without a priority (a question) is never held back, but counted.
 */
export class BudgetedEmbedder extends EmbedderDecorator {
  private readonly budget: TokenBudget;
  private readonly policy: RetryPolicy;
  private readonly lowered: EmbedderLimits;

  /** @param largestRequest tokens: a request that is larger would wait for ever, or take the whole budget */
  constructor(inner: Embedder, budget: TokenBudget, largestRequest: number, policy: RetryPolicy = retryPolicy) {
    super(inner);
    this.budget = budget;
    this.policy = policy;
    const { maximumTokensPerInput, maximumTokensPerRequest } = inner.limits;
    // An input must fit into a request, whatever the budget is.
    const tokens = Math.max(maximumTokensPerInput, Math.min(maximumTokensPerRequest, largestRequest));
    this.lowered = { ...inner.limits, maximumTokensPerRequest: tokens };
  }

  /** Those of the inner embedder, with requests that fit the budget. */
  override get limits(): EmbedderLimits {
    return this.lowered;
  }

  override async embed(texts: readonly string[], options: EmbedOptions): Promise<Embeddings> {
    const estimate = texts.reduce((sum, text) => sum + Math.ceil(Buffer.byteLength(text) / bytesPerToken), 0);
    if (options.priority) await this.turn(estimate, options);
    const embeddings = await this.inner.embed(texts, options);
    const beyond = options.priority ? embeddings.tokens - estimate : embeddings.tokens;
    // Languages with many tokens a byte cost more than was taken; what was taken too much is given back.
    if (Math.abs(beyond) > estimate / 10) await this.budget.note(this.model, beyond, options.priority ? 0 : 1);
    return embeddings;
  }

  private async turn(tokens: number, { priority, deadline, signal }: EmbedOptions): Promise<void> {
    for (;;) {
      const wait = priority ? await this.budget.take(this.model, tokens, priority) : 0;
      if (wait === 0) return;
      if (wait > this.policy.longestWaitSeconds * 1_000 || this.policy.now() + wait >= deadline)
        throw new ModelError('transient', 'The budget of tokens a minute is used up for now.', {
          retryAfterSeconds: wait / 1_000,
          isOurs: true,
        });
      await this.policy.sleep(wait, signal);
    }
  }
}
