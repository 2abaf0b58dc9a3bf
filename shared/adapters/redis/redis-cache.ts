import type { Cache, CacheEntry } from '../../core/cache.ts';
import type { Clock } from '../../core/clock.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { connectRedis, type RedisClient, type RedisLogin } from './connect.ts';

export interface RedisCacheOptions {
  readonly url: string;
  /** Asked at each new connection; undefined where the server asks for none. */
  readonly login?: (() => Promise<RedisLogin>) | undefined;
  readonly clock: Clock;
  /** Told of each failure; the caller of the cache sees a miss. */
  readonly onFailure: (error: unknown) => void;
}

/** Keys of one MGET: a serverless cache takes at most 3,999 arguments, and each slice has a time limit of its own. */
const keysAtOnce = 64;

/** The cache port on Redis or Valkey. Never throws; while the server does not answer it is not asked. */
export class RedisCache implements Cache {
  private readonly options: RedisCacheOptions;
  private readonly breaker: CircuitBreaker;
  private connecting: Promise<RedisClient> | undefined;

  constructor(options: RedisCacheOptions) {
    this.options = options;
    this.breaker = new CircuitBreaker(options.clock);
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const slices = await Promise.all(
      this.slices(keys).map(async (slice) => {
        const values = await this.attempt((client) => client.mgetBuffer(slice));
        return slice.map((key, i) => [key, values?.[i] ?? undefined] as const);
      }),
    );
    const found = new Map(slices.flat());
    return keys.map((key) => found.get(key));
  }

  async setMany(entries: readonly CacheEntry[], secondsToLive: number): Promise<void> {
    await Promise.all(
      sliced(entries).map((slice) =>
        this.attempt((client) =>
          Promise.all(slice.map(({ key, value }) => client.set(key, Buffer.from(value), 'EX', secondsToLive))),
        ),
      ),
    );
  }

  async delete(keys: readonly string[]): Promise<void> {
    await Promise.all(this.slices(keys).map((slice) => this.attempt((client) => client.unlink(slice))));
  }

  /** A cluster answers a command only for keys of one slot, which those of one tag are. */
  private slices(keys: readonly string[]): string[][] {
    return this.options.url.includes('+cluster:') ? sameTag(keys) : sliced(keys);
  }

  /** @throws when the server does not answer */
  async ping(): Promise<void> {
    const client = await this.connect();
    await client.ping();
  }

  private async attempt<T>(ask: (client: RedisClient) => Promise<T>): Promise<T | undefined> {
    if (!this.breaker.admits()) return undefined;
    try {
      const answer = await ask(await this.connect());
      this.breaker.succeeded();
      return answer;
    } catch (error) {
      this.breaker.failed();
      this.options.onFailure(error);
      return undefined;
    }
  }

  private connect(): Promise<RedisClient> {
    this.connecting ??= this.open();
    return this.connecting;
  }

  private async open(): Promise<RedisClient> {
    try {
      const client = await connectRedis(this.options.url, await this.options.login?.());
      client.on('end', () => {
        this.connecting = undefined;
      });
      return client;
    } catch (error) {
      this.connecting = undefined;
      throw error;
    }
  }
}

/** Groups of at most 64 keys whose `{tag}` is the same. */
function sameTag(keys: readonly string[]): string[][] {
  const groups = Map.groupBy(keys, (key) => /\{[^}]+\}/.exec(key)?.[0] ?? key);
  return [...groups.values()].flatMap((group) => sliced(group));
}

function sliced<T>(items: readonly T[]): T[][] {
  const slices: T[][] = [];
  for (let start = 0; start < items.length; start += keysAtOnce) slices.push(items.slice(start, start + keysAtOnce));
  return slices;
}
