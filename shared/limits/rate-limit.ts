import type { RequestClass } from '../core/caller.ts';

/**
 * A token bucket: it holds `requests`, and is refilled evenly within `seconds`. So many may come at once, and that many in each such
 * time in the long run.
 */
export interface RateLimit {
  readonly requests: number;
  readonly seconds: number;
}

/** Limits of a class: of each subject, and of the whole workspace; null for none. */
export interface ClassLimits {
  readonly subject: RateLimit | null;
  readonly workspace: RateLimit | null;
}

export type RateLimits = Readonly<Record<RequestClass, ClassLimits>>;

/** What is said for a workspace instead of the stage's. */
export type RateLimitChoices = {
  readonly [C in RequestClass]?: { readonly [S in keyof ClassLimits]?: RateLimit | null | undefined } | undefined;
};

export const unlimited: RateLimits = {
  ask: { subject: null, workspace: null },
  read: { subject: null, workspace: null },
  write: { subject: null, workspace: null },
  poll: { subject: null, workspace: null },
};

/** Whom a bucket belongs to. */
export type RateScope = 'key' | 'subject' | 'workspace' | 'address';

export interface RateBucket {
  readonly scope: RateScope;
  /** Its name within the workspace: ids and hashes, never what somebody wrote. */
  readonly name: string;
  readonly limit: RateLimit;
}

/** The level of a bucket after a request. */
export interface BucketLevel {
  readonly bucket: RateBucket;
  /** Whole requests that could come at once now. */
  readonly remaining: number;
  /** Until it is full again. */
  readonly resetMilliseconds: number;
}

export interface RateDecision {
  readonly admitted: boolean;
  /** 0 for what was admitted; else after this long the same request is worth making again. */
  readonly waitMilliseconds: number;
  readonly levels: readonly BucketLevel[];
}

export interface RateLimiter {
  /**
   * Takes one request from each of some buckets, or from none if one of them has none left.
   * @param place the common key of the buckets: the workspace's id, or a substitute for callers without one
   */
  take(place: string, buckets: readonly RateBucket[]): Promise<RateDecision>;
}

/** Milliseconds in which one request comes back. */
export function refillMilliseconds({ requests, seconds }: RateLimit): number {
  return (seconds * 1_000) / requests;
}

/**
 * The decision from a bucket's times. A bucket is stored as the moment at which it will be full (generic cell rate algorithm, ITU-T
 * I.371: the same as a token bucket, in one number).
 * @param fullIn milliseconds until each bucket is full, after the request where it was admitted
 */
export function decide(buckets: readonly RateBucket[], admitted: boolean, fullIn: readonly number[]): RateDecision {
  let waitMilliseconds = 0;
  const levels = buckets.map((bucket, i) => {
    const resetMilliseconds = Math.max(0, fullIn[i] ?? 0);
    const each = refillMilliseconds(bucket.limit);
    const room = bucket.limit.seconds * 1_000 - resetMilliseconds;
    if (!admitted) waitMilliseconds = Math.max(waitMilliseconds, each - room);
    return { bucket, remaining: Math.max(0, Math.floor(room / each + 1e-6)), resetMilliseconds };
  });
  return { admitted, waitMilliseconds: admitted ? 0 : Math.max(1, Math.ceil(waitMilliseconds)), levels };
}
