import type { Cache, CacheEntry } from '../../core/cache.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { connectRedis, isCluster, type RedisClient, type RedisLogin, sendWithin } from './redis-client.ts';

export interface RedisCacheSettings {
  readonly url: string;
  /** Asked at each first connection, where the URL holds no login. */
  readonly login?: (() => Promise<RedisLogin>) | undefined;
  /** Told of every failure; the caller of the cache only sees misses. */
  readonly onFailure: (error: unknown) => void;
}

/** Keys of one MGET: a slice that fails or is late loses only itself. */
const keysPerCommand = 64;
/** Entries of one write: 16 vectors are 100 kB. */
const entriesPerWrite = 16;
/**
 * Time limit of a write. The usual 50 ms are exceeded by this process as often as by the server: while it parses a model's response with
 * 2,048 vectors it does nothing else, and notices the timer before the reply that has arrived meanwhile.
 */
const writeMilliseconds = 250;
/** No write is started after this: the caller holds something that still has to be stored, and the cache may forget. */
const longestWritingMilliseconds = 250;
/** More at a time would wait for each other longer than their time limit: 64 vectors are 400 kB. */
const commandsInFlight = 4;

/**
 * The cache port on Redis or Valkey, one server or a cluster. An outage costs a look 50 ms and a write 250, then nothing: a breaker keeps
 * callers away.
 */
export class RedisCache implements Cache {
  private readonly settings: RedisCacheSettings;
  /** Others who ask the same server may share it. */
  readonly breaker: CircuitBreaker;
  private connecting: Promise<RedisClient> | undefined;

  constructor(settings: RedisCacheSettings, breaker: CircuitBreaker = new CircuitBreaker()) {
    this.settings = settings;
    this.breaker = breaker;
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const found = new Map<string, Uint8Array>();
    await this.attempt(keys, async (client, slice) => {
      const values = await client.mgetBuffer(...slice);
      for (const [i, value] of values.entries()) if (value) found.set(slice[i] as string, value);
    });
    return keys.map((key) => found.get(key));
  }

  async setMany(entries: readonly CacheEntry[], secondsToLive: number): Promise<void> {
    const values = new Map(entries.map(({ key, value }) => [key, value]));
    await this.attempt(
      [...values.keys()],
      async (client, slice) => {
        const set = (key: string) =>
          sendWithin(client, writeMilliseconds, 'set', key, bytesOf(values.get(key)), 'EX', secondsToLive);
        const failure = (await Promise.allSettled(slice.map(set))).find(({ status }) => status === 'rejected');
        if (failure) throw (failure as PromiseRejectedResult).reason;
      },
      { keysAtOnce: entriesPerWrite, until: performance.now() + longestWritingMilliseconds },
    );
  }

  async delete(keys: readonly string[]): Promise<void> {
    await this.attempt(keys, async (client, slice) => {
      await client.unlink(...slice);
    });
  }

  /**
   * Forgets what is kept of a workspace, which its keys name in their tag. What this misses (a server that does not answer, a key that is
   * written meanwhile) ends by itself: every key has its time to live.
   * @returns how many entries went
   */
  async forget(workspaceId: string): Promise<number> {
    try {
      const client = await this.client();
      const servers = isCluster(client) ? client.nodes('master') : [client];
      let removed = 0;
      for (const server of servers) {
        let cursor = '0';
        do {
          const [next, keys] = await server.scan(cursor, 'MATCH', `*{${workspaceId}:*`, 'COUNT', 1_000);
          cursor = next;
          for (const key of keys) removed += await server.unlink(key);
        } while (cursor !== '0');
      }
      return removed;
    } catch (error) {
      this.settings.onFailure(error);
      return 0;
    }
  }

  /** @throws when the server does not answer */
  async ping(): Promise<void> {
    await (await this.client()).ping();
  }

  async close(): Promise<void> {
    const client = await this.connecting?.catch(() => undefined);
    client?.disconnect();
  }

  /** Runs a command for each slice of keys that one server can answer; a failed slice is reported, never thrown. */
  private async attempt(
    keys: readonly string[],
    command: (client: RedisClient, slice: string[]) => Promise<void>,
    { keysAtOnce, until }: AttemptLimits = { keysAtOnce: keysPerCommand, until: Number.POSITIVE_INFINITY },
  ): Promise<void> {
    if (keys.length === 0 || !this.breaker.allows()) return;
    try {
      const client = await this.client();
      const slices = slicesOf(keys, isCluster(client), keysAtOnce);
      for (let i = 0; i < slices.length && performance.now() < until; i += commandsInFlight) {
        const wave = slices.slice(i, i + commandsInFlight).map((slice) => command(client, slice));
        const failures = (await Promise.allSettled(wave)).filter((result) => result.status === 'rejected');
        for (const { reason } of failures) this.settings.onFailure(reason);
        // A server that lost a whole wave will lose the next one too, 50 ms later.
        if (failures.length === wave.length) return this.breaker.failed();
      }
      this.breaker.succeeded();
    } catch (error) {
      this.settings.onFailure(error);
      this.breaker.failed();
    }
  }

  get isConnected(): boolean {
    return this.connecting !== undefined;
  }

  /** The connection, which others may use as well. */
  client(): Promise<RedisClient> {
    this.connecting ??= this.connect().catch((error: unknown) => {
      this.connecting = undefined;
      throw error;
    });
    return this.connecting;
  }

  private async connect(): Promise<RedisClient> {
    const { url, login, onFailure } = this.settings;
    return connectRedis(url, onFailure, await login?.());
  }
}

interface AttemptLimits {
  readonly keysAtOnce: number;
  /** By the process's own clock: no command is started after it. */
  readonly until: number;
}

/** In a cluster, one command's keys must lie in one slot: keys are grouped by their tag there. */
function slicesOf(keys: readonly string[], byTag: boolean, keysAtOnce: number): string[][] {
  const groups = byTag ? [...Map.groupBy(keys, tagOf).values()] : [keys];
  return groups.flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / keysAtOnce) }, (_, i) =>
      group.slice(i * keysAtOnce, (i + 1) * keysAtOnce),
    ),
  );
}

function bytesOf(value: Uint8Array | undefined): Buffer {
  return value ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.alloc(0);
}

function tagOf(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}
