import { ModelError } from '../../models/model-error.ts';
import { retryAfterSeconds } from '../../models/retry-after.ts';

/** The common shape of the vendor's errors; checked structurally, so that the client need not be loaded for it. */
interface ApiErrorShape {
  readonly status?: number;
  readonly code?: string | null;
  readonly type?: string;
  readonly headers?: { get(name: string): string | null };
  readonly name?: string;
}

/** A provider's fault is asked about again after this long. */
const providerPatienceSeconds = 30;
/** Refusals that are about the inputs themselves. */
const inputStatuses: ReadonlySet<number> = new Set([400, 413, 422]);
/** An account without money answers 429 as well, but no waiting of minutes helps. */
const accountCodes: ReadonlySet<string> = new Set([
  'insufficient_quota',
  'billing_hard_limit_reached',
  'account_deactivated',
]);

/** The vendor's error as ours: whose fault it is, and when to come back. Carries nothing of the request or of the answer's body. */
export function translateError(error: unknown, now: number): ModelError {
  if (error instanceof ModelError) return error;
  const { status, code, type, headers, name } = error as ApiErrorShape;
  const said = retryAfterSeconds((header) => headers?.get(header), now);
  if (status === undefined) return new ModelError('transient', withoutAnswer(name), { cause: error });
  const options = { status, cause: error };
  if (status === 429 && (accountCodes.has(code ?? '') || accountCodes.has(type ?? '')))
    return providerFault("The model provider's account has no quota left", options, said);
  if (status === 429)
    return new ModelError('transient', 'The model provider asks to be left alone for a while.', {
      ...options,
      retryAfterSeconds: said,
    });
  if (status === 408 || status === 409 || status >= 500)
    return new ModelError('transient', `The model provider does not answer as it should (${status}).`, {
      ...options,
      retryAfterSeconds: said,
    });
  if (inputStatuses.has(status) && code !== 'model_not_found')
    return new ModelError('input', `The model provider refused the input (${status}).`, options);
  return providerFault(refusals[status] ?? `The model provider refuses requests (${status})`, options, said);
}

const refusals: Readonly<Record<number, string>> = {
  400: 'The model provider does not know the model',
  401: 'The model provider refuses the key',
  403: 'The model provider refuses access to the model',
  404: 'The model provider does not know the model',
};

function providerFault(
  what: string,
  options: { status: number; cause: unknown },
  said: number | undefined,
): ModelError {
  return new ModelError('provider', `${what}; an operator has to act.`, {
    ...options,
    retryAfterSeconds: said ?? providerPatienceSeconds,
  });
}

function withoutAnswer(name: string | undefined): string {
  if (name === 'APIConnectionTimeoutError') return 'The model provider did not answer in time.';
  if (name === 'SyntaxError') return 'The model provider answered something that is no JSON.';
  return 'The connection to the model provider failed.';
}
