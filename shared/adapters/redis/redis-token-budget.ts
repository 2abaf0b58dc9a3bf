import type { Priority } from '../../core/work-queue.ts';
import {
  type BudgetSettings,
  bucketOf,
  ProcessBudget,
  reservedShare,
  type TokenBudget,
} from '../../limits/token-budget.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { RedisClient } from './redis-client.ts';

export interface RedisTokenBudgetSettings {
  readonly client: () => Promise<RedisClient>;
  readonly budget: BudgetSettings;
  /** How many processes there may be at once: each has this part of the budget while the server cannot be asked. */
  readonly processes: number;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Two token buckets (tokens, requests) under one key, by the server's clock. KEYS: the bucket. ARGV: capacity and refill a millisecond
 * of tokens, then of requests (capacity 0: unlimited); tokens and requests of this call; the share that must be left; 1 to take
 * whatever is there. Answers the milliseconds to wait, 0 when it was taken. Numbers go back as text and are read with `tonumber`.
 */
const script = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local known = redis.call('HMGET', KEYS[1], 'at', 'tokens', 'requests')
local passed = math.max(0, now - (tonumber(known[1] or '') or now))
local share, force = tonumber(ARGV[7]), ARGV[8] == '1'
local wait = 0
local levels = {}
for i = 1, 2 do
  local capacity, rate, amount = tonumber(ARGV[i * 2 - 1]), tonumber(ARGV[i * 2]), tonumber(ARGV[i + 4])
  if capacity > 0 then
    local level = math.min(capacity, (tonumber(known[i + 1] or '') or capacity) + passed * rate)
    local missing = math.min(capacity * share + amount, capacity) - level
    if missing > 0.000001 then wait = math.max(wait, 1, math.ceil(missing / rate)) end
    levels[i] = level - amount
  else
    levels[i] = 0
  end
end
if wait > 0 and not force then return wait end
redis.call('HSET', KEYS[1], 'at', string.format('%.0f', now), 'tokens', string.format('%.3f', levels[1]), 'requests', string.format('%.3f', levels[2]))
redis.call('PEXPIRE', KEYS[1], 180000)
return 0
`;

/**
 * The budget on Redis or Valkey: one call a request, one key a model (so one slot of a cluster), shared by all processes. While the
 * server is down that costs milliseconds, then nothing, and each process keeps to its share of the budget.
 */
export class RedisTokenBudget implements TokenBudget {
  private readonly settings: RedisTokenBudgetSettings;
  private readonly breaker: CircuitBreaker;
  private readonly own: ProcessBudget;
  private readonly buckets: readonly string[];

  constructor(settings: RedisTokenBudgetSettings, breaker: CircuitBreaker = new CircuitBreaker()) {
    this.settings = settings;
    this.breaker = breaker;
    const { tokensPerMinute, requestsPerMinute } = settings.budget;
    this.own = new ProcessBudget(settings.budget, settings.processes);
    this.buckets = [tokensPerMinute, requestsPerMinute].flatMap((perMinute) => {
      const bucket = perMinute === null ? { capacity: 0, perMillisecond: 0 } : bucketOf(perMinute);
      return [String(bucket.capacity), String(bucket.perMillisecond)];
    });
  }

  async take(model: string, tokens: number, priority: Priority): Promise<number> {
    const wait = await this.ask(model, [tokens, 1, reservedShare[priority], 0]);
    return wait ?? this.own.take(model, tokens, priority);
  }

  async note(model: string, tokens: number, requests: number): Promise<void> {
    const noted = await this.ask(model, [tokens, requests, 0, 1]);
    if (noted === undefined) await this.own.note(model, tokens, requests);
  }

  /** @returns undefined when the server could not be asked */
  private async ask(model: string, call: readonly number[]): Promise<number | undefined> {
    if (!this.breaker.allows()) return undefined;
    try {
      const client = await this.settings.client();
      const key = `rl:{model:${model}}:budget`;
      const answer = await client.eval(script, 1, key, ...this.buckets, ...call.map(String));
      this.breaker.succeeded();
      return Number(answer);
    } catch (error) {
      this.breaker.failed();
      this.settings.onFailure(error);
      return undefined;
    }
  }
}
