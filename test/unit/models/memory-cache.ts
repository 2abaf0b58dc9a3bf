import type { Cache, CacheEntry } from '../../../shared/core/cache.ts';

/** A cache in memory that remembers what it was asked. */
export class MemoryCache implements Cache {
  readonly entries = new Map<string, Uint8Array>();
  readonly asked: string[] = [];
  secondsToLive: number | undefined;

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.asked.push(...keys);
    return keys.map((key) => this.entries.get(key));
  }

  async setMany(entries: readonly CacheEntry[], secondsToLive: number): Promise<void> {
    this.secondsToLive = secondsToLive;
    for (const { key, value } of entries) this.entries.set(key, value);
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.entries.delete(key);
  }
}
