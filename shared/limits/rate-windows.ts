import type { Database } from '../core/database.ts';
import type { BucketLevel, RateBucket, RateDecision, RateLimiter } from './rate-limit.ts';

/**
 * Rate limits in the database, for while the cache is unavailable: a number of requests per window of a limit's time, each window counted
 * from zero. One statement per request, which waits only for other requests of the workspace.
 */
export class RateWindows implements RateLimiter {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  async take(workspaceId: string, buckets: readonly RateBucket[]): Promise<RateDecision> {
    const { rows } = await this.database.inWorkspace({ workspaceId }, (db) =>
      db.query<{ n: number; used: number; ends_in: number; admitted: boolean }>(
        `SELECT n, used::float8, ends_in_milliseconds::float8 AS ends_in, admitted
         FROM dbrag.take_rates($1, $2::text[], $3::bigint[], $4::int[]) ORDER BY n`,
        [
          workspaceId,
          buckets.map(({ name }) => name),
          buckets.map(({ limit }) => limit.requests),
          buckets.map(({ limit }) => limit.seconds),
        ],
      ),
    );
    const admitted = rows.every((row) => row.admitted);
    const levels = rows.map(({ n, used, ends_in: endsIn }): BucketLevel => {
      const bucket = buckets[n - 1] as RateBucket;
      return { bucket, remaining: Math.max(0, bucket.limit.requests - used), resetMilliseconds: endsIn };
    });
    const full = levels.filter(({ remaining }) => remaining === 0).map(({ resetMilliseconds }) => resetMilliseconds);
    return { admitted, waitMilliseconds: admitted ? 0 : Math.max(1, Math.ceil(Math.max(...full))), levels };
  }
}

/** Asks the shared limiter; what that cannot say, the other one does. */
export class StandInRates implements RateLimiter {
  private readonly shared: SharedRates;
  private readonly standIn: RateLimiter;

  constructor(shared: SharedRates, standIn: RateLimiter) {
    this.shared = shared;
    this.standIn = standIn;
  }

  async take(place: string, buckets: readonly RateBucket[]): Promise<RateDecision> {
    return (await this.shared.tryTake(place, buckets)) ?? this.standIn.take(place, buckets);
  }
}

/** A limiter that may be away. */
export interface SharedRates {
  /** @returns undefined when it cannot be asked; nothing has been taken then, as far as anybody knows */
  tryTake(place: string, buckets: readonly RateBucket[]): Promise<RateDecision | undefined>;
}
