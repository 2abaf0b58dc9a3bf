export interface CacheEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

/**
 * A cache that may forget anything at any moment. No method throws: a failure is a miss, reported through the callback given at
 * creation. Keys that share a `{tag}` are stored together.
 */
export interface Cache {
  /** @returns one value a key, in order; undefined for a miss */
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** @param secondsToLive at least 1: a serverless cache evicts only what has a time to live */
  setMany(entries: readonly CacheEntry[], secondsToLive: number): Promise<void>;
  delete(keys: readonly string[]): Promise<void>;
}

/** Where a stage has no cache. */
export const noCache: Cache = {
  getMany: async (keys) => keys.map(() => undefined),
  setMany: async () => {},
  delete: async () => {},
};
