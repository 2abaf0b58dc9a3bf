import { decide, type RateBucket, type RateDecision, type RateLimiter, refillMilliseconds } from './rate-limit.ts';

/** More than anybody needs at once; beyond it the oldest are forgotten, so that hammering costs no memory. */
const keptBuckets = 10_000;

/** Buckets of this process alone: for callers whom nothing else can be kept of. */
export class ProcessRates implements RateLimiter {
  private readonly fullAt = new Map<string, number>();
  private readonly now: () => number;

  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  async take(place: string, buckets: readonly RateBucket[]): Promise<RateDecision> {
    const now = this.now();
    const before = buckets.map(({ name }) => Math.max(now, this.fullAt.get(`${place} ${name}`) ?? now));
    const after = buckets.map(({ limit }, i) => (before[i] as number) + refillMilliseconds(limit));
    const admitted = buckets.every(({ limit }, i) => (after[i] as number) - now <= limit.seconds * 1_000 + 1e-6);
    if (admitted) for (const [i, { name }] of buckets.entries()) this.keep(`${place} ${name}`, after[i] as number);
    return decide(
      buckets,
      admitted,
      (admitted ? after : before).map((at) => at - now),
    );
  }

  private keep(key: string, fullAt: number): void {
    this.fullAt.delete(key);
    this.fullAt.set(key, fullAt);
    if (this.fullAt.size > keptBuckets) this.fullAt.delete(this.fullAt.keys().next().value as string);
  }
}
