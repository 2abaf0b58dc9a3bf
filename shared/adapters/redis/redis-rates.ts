import { decide, type RateBucket, type RateDecision, refillMilliseconds } from '../../limits/rate-limit.ts';
import type { SharedRates } from '../../limits/rate-windows.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { RedisClient } from './redis-client.ts';

export interface RedisRatesSettings {
  readonly client: () => Promise<RedisClient>;
  /** The one of the cache on the same server: a request asks the limiter first, so it is the one that finds a server silent. */
  readonly breaker: CircuitBreaker;
  readonly onFailure: (error: unknown) => void;
  /** Whether a connection is there, or on its way. */
  readonly isConnected: () => boolean;
}

/**
 * The first request of a process may be counted elsewhere where that makes no difference to anybody: loading the client costs 30 ms, a
 * quarter of what a first answer takes.
 */
const largeLimit = 1_000;

/**
 * Several buckets by the server's clock, all or none. KEYS: the buckets, each the millisecond at which it is full (generic cell rate
 * algorithm). ARGV: of each its time in milliseconds, and the milliseconds in which one request comes back. Answers 1 or 0, and of each
 * the milliseconds until it is full. A key lives until then: a full bucket is none.
 */
const script = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local known = redis.call('MGET', unpack(KEYS))
local answer = {1}
local full = {}
for i = 1, #KEYS do
  local at = math.max(now, tonumber(known[i] or '') or now)
  full[i] = at + tonumber(ARGV[i * 2])
  answer[i + 1] = at
  if full[i] - now > tonumber(ARGV[i * 2 - 1]) + 0.01 then answer[1] = 0 end
end
for i = 1, #KEYS do
  if answer[1] == 1 then
    answer[i + 1] = full[i]
    redis.call('SET', KEYS[i], string.format('%.3f', full[i]), 'PX', string.format('%.0f', math.ceil(full[i] - now) + 1))
  end
  answer[i + 1] = math.floor(answer[i + 1] - now)
end
return answer
`;

interface RateCommand {
  dbragTakeRates(keyCount: number, ...keysAndArguments: string[]): Promise<readonly number[]>;
}

/**
 * Rate limits on Redis or Valkey: one round trip a request, whatever the number of buckets. A server that does not answer in time is
 * bypassed at once, by the cache as well: that costs 50 ms once, not for each request.
 */
export class RedisRates implements SharedRates {
  private readonly settings: RedisRatesSettings;
  private readonly known = new WeakSet<RedisClient>();
  private isAsked = false;

  constructor(settings: RedisRatesSettings) {
    this.settings = settings;
  }

  async tryTake(place: string, buckets: readonly RateBucket[]): Promise<RateDecision | undefined> {
    const { breaker, client, onFailure } = this.settings;
    if (this.mayLeaveOut(buckets) || !breaker.allows()) return undefined;
    try {
      const commands = this.commandsOf(await client());
      const keys = buckets.map(({ name }) => `rl:{${place}}:${name}`);
      const times = buckets.flatMap(({ limit }) => [String(limit.seconds * 1_000), String(refillMilliseconds(limit))]);
      const [admitted, ...fullIn] = await commands.dbragTakeRates(keys.length, ...keys, ...times);
      breaker.succeeded();
      return decide(buckets, admitted === 1, fullIn);
    } catch (error) {
      if (isTimeout(error)) breaker.fellSilent();
      else breaker.failed();
      onFailure(error);
      return undefined;
    }
  }

  private mayLeaveOut(buckets: readonly RateBucket[]): boolean {
    const isFirst = !this.isAsked && !this.settings.isConnected();
    this.isAsked = true;
    return isFirst && buckets.every(({ limit }) => limit.requests >= largeLimit);
  }

  /** The script goes by its hash, and whole only where the server does not know it. */
  private commandsOf(client: RedisClient): RateCommand {
    if (!this.known.has(client)) {
      client.defineCommand('dbragTakeRates', { lua: script });
      this.known.add(client);
    }
    return client as unknown as RateCommand;
  }
}

/** The error of ioredis for a command that ran into its time limit. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}
