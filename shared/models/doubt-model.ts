import type { EmbedOptions } from './embedder.ts';
import { ModelError } from './model-error.ts';
import { type RetryPolicy, retryPolicy } from './retry.ts';

/** No model refuses it: tells texts that are at fault from a model that is. */
export const harmless = 'water';
/** More than a circuit that one text has opened stays open: a longer outage is none of a text. */
const patienceMilliseconds = 20_000;
/** Before a model is asked again that does not say for how long it is left alone. */
const restSeconds = 1;

/**
 * What is wrong with a model that failed. The retries of one text that it always fails at open its circuit as an outage does; so a model that is
 * left alone is asked for a harmless text as soon as its circuit lets a call through.
 * @param ask asks the model for the harmless text
 * @returns null: nothing, since it answers
 */
export async function faultOfModel(
  ask: () => Promise<unknown>,
  error: ModelError,
  { deadline, signal }: EmbedOptions,
  policy: Pick<RetryPolicy, 'now' | 'sleep'> = retryPolicy,
): Promise<ModelError | null> {
  const end = Math.min(deadline, policy.now() + patienceMilliseconds);
  for (let last = error; ; ) {
    if (last.kind === 'outage') {
      const wait = (last.retryAfterSeconds ?? restSeconds) * 1_000;
      if (policy.now() + wait >= end) return last;
      await policy.sleep(wait, signal);
    }
    try {
      await ask();
      return null;
    } catch (failure) {
      if (!(failure instanceof ModelError)) throw failure;
      if (failure.kind === 'input')
        return new ModelError('provider', 'The model refuses every text.', { retryAfterSeconds: 60, cause: failure });
      // Another process asks it at the moment: what becomes of that will be known soon.
      const isUnasked = failure.kind === 'outage' && failure.isOurs;
      if (!isUnasked) return failure;
      last = failure;
    }
  }
}
