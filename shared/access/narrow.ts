import { type Caller, type Narrowing, type RateLimits, requestClasses } from '../core/caller.ts';

/**
 * What a key or member gets that names no narrowing of its own: the caller's. One that names one must lie within the caller's, which
 * row security holds.
 */
export function inheritNarrowing(caller: Narrowing, asked: Narrowing): Narrowing {
  return {
    collectionIds: asked.collectionIds ?? caller.collectionIds,
    connectionIds: asked.connectionIds ?? caller.connectionIds,
  };
}

/** The limits of a new key: as requested, but never above the caller's. Null: no limits of its own. */
export function inheritRateLimits(caller: Pick<Caller, 'rateLimits'>, asked: RateLimits | null): RateLimits | null {
  const limits: Partial<Record<(typeof requestClasses)[number], number>> = {};
  for (const name of requestClasses) {
    const least = Math.min(
      caller.rateLimits?.[name] ?? Number.POSITIVE_INFINITY,
      asked?.[name] ?? Number.POSITIVE_INFINITY,
    );
    if (Number.isFinite(least)) limits[name] = least;
  }
  return Object.keys(limits).length > 0 ? limits : null;
}
