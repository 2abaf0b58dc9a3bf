import { createHash } from 'node:crypto';
import type { CallerSubject, RateLimits as KeyRateLimits, RequestClass } from '../core/caller.ts';
import type { ClassLimits, RateBucket, RateLimit, RateLimitChoices, RateLimits } from './rate-limit.ts';

/** The aspects of a caller that matter for limits. */
export interface RatedCaller {
  readonly apiKeyId: string | null;
  /** Public id of the key or subject. */
  readonly actor: string;
  /** What the key itself may, if somebody said so. */
  readonly rateLimits?: KeyRateLimits | null;
  /** The person, where one came by a token: whoever a body names, nobody else is counted. */
  readonly subject?: CallerSubject | null;
}

/**
 * The buckets that a request is taken from.
 * @param subject whom it is made for, as a key says; null: for the caller. A person asks for themselves, in the bucket that a key asks for them in
 */
export function bucketsOf(
  caller: RatedCaller,
  rateClass: RequestClass,
  subject: string | null,
  stage: RateLimits,
  chosen: RateLimitChoices,
): RateBucket[] {
  const limits = limitsOf(rateClass, stage, chosen);
  const buckets: RateBucket[] = [];
  const add = (scope: RateBucket['scope'], limit: RateLimit | null | undefined, name: string) => {
    if (limit) buckets.push({ scope, limit, name: `${rateClass}:${name}` });
  };
  const ownMinute = caller.rateLimits?.[rateClass];
  if (caller.apiKeyId !== null && ownMinute !== undefined)
    add('key', { requests: ownMinute, seconds: 60 }, `key:${caller.apiKeyId}`);
  const named = caller.subject?.name ?? subject;
  add('subject', limits.subject, named === null ? `actor:${caller.actor}` : `subject:${digestOf(named)}`);
  add('workspace', limits.workspace, 'all');
  return buckets;
}

function limitsOf(rateClass: RequestClass, stage: RateLimits, chosen: RateLimitChoices): ClassLimits {
  const { subject, workspace } = chosen[rateClass] ?? {};
  return {
    subject: subject === undefined ? stage[rateClass].subject : subject,
    workspace: workspace === undefined ? stage[rateClass].workspace : workspace,
  };
}

/** Names of buckets hold hashes and never what somebody wrote. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
