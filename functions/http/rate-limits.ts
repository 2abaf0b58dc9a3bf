import type { Caller, RequestClass } from '../../shared/core/caller.ts';
import { DbragError } from '../../shared/core/errors.ts';
import { bucketsOf, digestOf } from '../../shared/limits/rate-buckets.ts';
import type { BucketLevel, RateDecision, RateLimit } from '../../shared/limits/rate-limit.ts';
import type { Services } from '../runtime/services.ts';
import { clientNetwork } from './client-network.ts';

/** Attempts with a wrong key from one address: plenty for somebody who repairs a configuration, too few to guess a key. */
const failedAuthentications: RateLimit = { requests: 30, seconds: 60 };

/**
 * Takes a request from the buckets of its caller.
 * @param subject the person it is made for, if the caller names one
 * @returns undefined if no limit applies
 */
export async function takeRate(
  services: Services,
  caller: Caller,
  rate: RequestClass,
  subject: string | null,
): Promise<RateDecision | undefined> {
  const { rate_limits: chosen = {} } = await services.workspaceLimits.find(caller.workspaceId);
  const buckets = bucketsOf(caller, rate, subject, services.config.rateLimits, chosen);
  return buckets.length === 0 ? undefined : services.rates.take(caller.workspaceId, buckets);
}

/** @throws rate_limited if the request was not admitted */
export function requireAdmission(decision: RateDecision | undefined, rate: RequestClass): void {
  if (!decision || decision.admitted) return;
  const level = tightest(decision.levels);
  const seconds = Math.ceil(decision.waitMilliseconds / 1_000);
  throw new DbragError('rate_limited', `${sentenceOf(level, rate)} Try again in ${seconds} s.`, {
    retryable: true,
    retryAfterSeconds: seconds,
  });
}

const nouns: Readonly<Record<RequestClass, string>> = {
  ask: 'questions',
  read: 'reads',
  write: 'changes',
  poll: 'looks at progress',
};

function sentenceOf(level: BucketLevel | undefined, rate: RequestClass): string {
  if (!level) return 'Too many requests.';
  const { scope, limit } = level.bucket;
  const whom = { key: 'this API key', subject: 'one caller', workspace: 'this workspace', address: 'this address' };
  return `Too many ${nouns[rate]}: ${whom[scope]} may make ${limit.requests.toLocaleString('en')} in ${spanOf(limit.seconds)}.`;
}

function spanOf(seconds: number): string {
  if (seconds === 60) return 'a minute';
  return seconds === 3_600 ? 'an hour' : `${seconds} s`;
}

/**
 * Counts a refused authentication of an address.
 * @returns the error to answer with: the refusal itself, or `rate_limited` after too many
 */
export async function countRefusal(services: Services, ip: string | null, refusal: unknown): Promise<unknown> {
  if (!(refusal instanceof DbragError) || refusal.code !== 'unauthorized' || ip === null) return refusal;
  const bucket = { scope: 'address', name: 'refused', limit: failedAuthentications } as const;
  const decision = await services.addressRates.take(`ip:${digestOf(clientNetwork(ip))}`, [bucket]);
  if (decision.admitted) return refusal;
  const seconds = Math.ceil(decision.waitMilliseconds / 1_000);
  return new DbragError(
    'rate_limited',
    `Too many requests with a wrong key from this address. Try again in ${seconds} s.`,
    { retryAfterSeconds: seconds, cause: refusal },
  );
}

/**
 * The rate-limit headers of a response: every bucket's policy and level (draft-ietf-httpapi-ratelimit-headers), and under OpenAI's names
 * the bucket with the least left.
 */
export function rateHeaders(decision: RateDecision | undefined): Readonly<Record<string, string>> {
  const level = decision && tightest(decision.levels);
  if (!decision || !level) return {};
  const { limit } = level.bucket;
  return {
    'ratelimit-policy': decision.levels
      .map(({ bucket }) => `"${bucket.scope}";q=${bucket.limit.requests};w=${bucket.limit.seconds}`)
      .join(', '),
    ratelimit: decision.levels
      .map(({ bucket, remaining, resetMilliseconds }) => {
        return `"${bucket.scope}";r=${remaining};t=${Math.ceil(resetMilliseconds / 1_000)}`;
      })
      .join(', '),
    'x-ratelimit-limit-requests': String(limit.requests),
    'x-ratelimit-remaining-requests': String(level.remaining),
    'x-ratelimit-reset-requests': durationOf(level.resetMilliseconds),
  };
}

function tightest(levels: readonly BucketLevel[]): BucketLevel | undefined {
  return levels.reduce<BucketLevel | undefined>(
    (least, level) => (least === undefined || level.remaining < least.remaining ? level : least),
    undefined,
  );
}

/** As OpenAI writes durations: `20ms`, `1s`, `6m0s`. */
function durationOf(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.ceil(milliseconds)}ms`;
  const seconds = Math.ceil(milliseconds / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds % 60}s`;
}
