import type { Priority } from '../core/work-queue.ts';

/** What the provider's account may spend in a minute on one model, for all workspaces and processes together; null: unlimited. */
export interface BudgetSettings {
  readonly tokensPerMinute: number | null;
  readonly requestsPerMinute: number | null;
}

/** What may be had at once, what comes back, and what must be left in. */
export interface Bucket {
  readonly capacity: number;
  readonly perMillisecond: number;
}

/**
 * A share that is left in the bucket. Critical work may empty it; default leaves a fifth for critical; low leaves a tenth more, so
 * that it never takes what default needs. Questions are never held back; what they take is only counted.
 */
export const reservedShare: Readonly<Record<Priority, number>> = { critical: 0, default: 0.2, low: 0.3 };

/** A bucket that holds this part of a minute's budget, and is refilled with the rest, gives away no more than the budget in any minute. */
const burstShare = 1 / 6;
const minuteMilliseconds = 60_000;

export function bucketOf(perMinute: number): Bucket {
  const capacity = perMinute * burstShare;
  return { capacity, perMillisecond: (perMinute - capacity) / minuteMilliseconds };
}

/** Tokens that one request may have, so that every priority can pay for it out of a full bucket. */
export function largestRequest({ tokensPerMinute }: BudgetSettings): number {
  if (tokensPerMinute === null) return Number.POSITIVE_INFINITY;
  const most = Math.max(...Object.values(reservedShare));
  return Math.max(1, Math.floor(bucketOf(tokensPerMinute).capacity * (1 - most)));
}

export interface TokenBudget {
  /**
   * Takes what a request needs. @returns 0, or milliseconds after which it is worth asking again, with nothing taken
   */
  take(model: string, tokens: number, priority: Priority): Promise<number>;
  /** Counts what was spent without asking: a question, or what a request cost beyond its estimate. */
  note(model: string, tokens: number, requests: number): Promise<void>;
}

export const noBudget: TokenBudget = { take: async () => 0, note: async () => {} };

interface Level {
  tokens: number;
  requests: number;
  at: number;
}

/** The budget of one process: its share where there is no shared budget, and the substitute while the shared one is unavailable. */
export class ProcessBudget implements TokenBudget {
  private readonly tokens: Bucket | undefined;
  private readonly requests: Bucket | undefined;
  private readonly levels = new Map<string, Level>();
  private readonly now: () => number;

  /** @param processes how many there may be at once */
  constructor({ tokensPerMinute, requestsPerMinute }: BudgetSettings, processes: number, now: () => number = Date.now) {
    this.tokens = tokensPerMinute === null ? undefined : bucketOf(tokensPerMinute / processes);
    this.requests = requestsPerMinute === null ? undefined : bucketOf(requestsPerMinute / processes);
    this.now = now;
  }

  async take(model: string, tokens: number, priority: Priority): Promise<number> {
    const level = this.refilled(model);
    const wait = Math.max(
      waitFor(this.tokens, level.tokens, tokens, priority),
      waitFor(this.requests, level.requests, 1, priority),
    );
    if (wait === 0) this.spend(level, tokens, 1);
    return wait;
  }

  async note(model: string, tokens: number, requests: number): Promise<void> {
    this.spend(this.refilled(model), tokens, requests);
  }

  private refilled(model: string): Level {
    const now = this.now();
    const known = this.levels.get(model);
    const level = {
      tokens: refill(this.tokens, known?.tokens, now - (known?.at ?? now)),
      requests: refill(this.requests, known?.requests, now - (known?.at ?? now)),
      at: now,
    };
    this.levels.set(model, level);
    return level;
  }

  private spend(level: Level, tokens: number, requests: number): void {
    level.tokens -= tokens;
    level.requests -= requests;
  }
}

function refill(bucket: Bucket | undefined, level: number | undefined, milliseconds: number): number {
  if (!bucket) return 0;
  return Math.min(bucket.capacity, (level ?? bucket.capacity) + Math.max(0, milliseconds) * bucket.perMillisecond);
}

/** A request that is larger than what a priority may ever have goes when that much is there, and leaves a debt. */
function waitFor(bucket: Bucket | undefined, level: number, amount: number, priority: Priority): number {
  if (!bucket) return 0;
  const floor = bucket.capacity * reservedShare[priority];
  const missing = Math.min(floor + amount, bucket.capacity) - level;
  return missing <= 1e-6 ? 0 : Math.max(1, Math.ceil(missing / bucket.perMillisecond));
}
