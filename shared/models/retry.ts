import type { EmbedOptions } from './embedder.ts';
import { ModelError } from './model-error.ts';

export interface RetryPolicy {
  readonly baseSeconds: number;
  readonly capSeconds: number;
  /** Longer waits are left to the caller, whose row can wait more cheaply than a process. */
  readonly longestWaitSeconds: number;
  /** An answer that is not what was asked for is asked for again this often: more would buy the same rubbish. */
  readonly badResponseRetries: number;
  /** So often is a text asked for again that is doubted: nobody but itself would wait for more. */
  readonly doubtedRetries: number;
  readonly random: () => number;
  readonly now: () => number;
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

export const retryPolicy: RetryPolicy = {
  baseSeconds: 0.5,
  capSeconds: 20,
  longestWaitSeconds: 20,
  badResponseRetries: 2,
  doubtedRetries: 2,
  random: Math.random,
  now: Date.now,
  sleep: async (milliseconds, signal) => {
    const { setTimeout: wait } = await import('node:timers/promises');
    await wait(milliseconds, undefined, signal ? { signal } : {});
  },
};

/**
 * Calls again after transient errors until the deadline: full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015), or as
 * long as the provider asked for and a little. It does not wait where the next call could only begin after the deadline.
 * @throws ModelError whose `retryAfterSeconds` says how long the caller should leave the provider alone
 */
export async function withRetries<T>(
  call: () => Promise<T>,
  options: EmbedOptions,
  policy: RetryPolicy = retryPolicy,
): Promise<T> {
  for (let failures = 0, badResponses = 0; ; ) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ModelError) || !error.retryable) throw error;
      if (error.badResponse) badResponses += 1;
      if (badResponses > policy.badResponseRetries) throw asInputFault(error);
      const seconds = waitSeconds(error, failures, policy);
      if (options.isDoubted && failures >= policy.doubtedRetries) throw withRetryAfter(error, seconds);
      if (seconds > policy.longestWaitSeconds || policy.now() + seconds * 1_000 >= options.deadline)
        throw withRetryAfter(error, seconds);
      // A call that was not made tells nothing of how long the next wait should be.
      if (!error.isOurs) failures += 1;
      await policy.sleep(seconds * 1_000, options.signal);
    }
  }
}

function waitSeconds(error: ModelError, failures: number, policy: RetryPolicy): number {
  const ceiling = Math.min(policy.capSeconds, policy.baseSeconds * 2 ** failures);
  // Those who were all told the same time would else all come at the same time.
  if (error.retryAfterSeconds !== undefined)
    return error.retryAfterSeconds + policy.random() * Math.min(ceiling, error.retryAfterSeconds / 10);
  return policy.random() * ceiling;
}

function withRetryAfter(error: ModelError, seconds: number): ModelError {
  const { kind, message, status, isOurs } = error;
  return new ModelError(kind, message, { status, isOurs, retryAfterSeconds: seconds, cause: error });
}

/** The same inputs gave rubbish every time: looking for the one that does it is all that is left. */
function asInputFault(error: ModelError): ModelError {
  return new ModelError('input', error.message, { status: error.status, badResponse: true, cause: error });
}
