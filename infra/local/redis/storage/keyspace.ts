import { RedisError, wrongType } from '../protocol/reply.ts';
import type { Value, ValueType } from './values.ts';

/** What a key costs beside its bytes; close to what Redis reports for small strings. */
const KEY_OVERHEAD = 72;

interface Entry {
  value: Value;
  /** Milliseconds since 1970; undefined keeps the key for ever. */
  deadline: number | undefined;
  bytes: number;
}

type Watcher = () => void;

/**
 * All keys of the server: lazy expiry, a memory bound that evicts only keys with a deadline (least recently used first,
 * as ElastiCache Serverless does), and change notices for WATCH.
 */
export class Keyspace {
  readonly #entries = new Map<string, Entry>();
  /** Keys with a deadline, least recently used first. */
  readonly #volatile = new Set<string>();
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #maxBytes: number;
  #usedBytes = 0;
  #frozenNow: number | undefined;
  #sweepCursor: Iterator<string> = this.#volatile.values();
  evicted = 0;
  expired = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#entries.size;
  }
  get volatileSize(): number {
    return this.#volatile.size;
  }
  get usedBytes(): number {
    return this.#usedBytes;
  }
  get maxBytes(): number {
    return this.#maxBytes;
  }

  now(): number {
    return this.#frozenNow ?? Date.now();
  }

  /** Runs a script or a transaction with the clock stopped, so that no key expires half way. */
  withFrozenClock<T>(run: () => T): T {
    if (this.#frozenNow !== undefined) return run();
    this.#frozenNow = Date.now();
    try {
      return run();
    } finally {
      this.#frozenNow = undefined;
    }
  }

  get(key: string): Value | undefined {
    const entry = this.#live(key);
    if (entry?.deadline !== undefined) this.#markUsed(key);
    return entry?.value;
  }

  /** The value when it has this type, undefined when there is none; throws WRONGTYPE. */
  getTyped<T extends ValueType>(key: string, type: T): Extract<Value, { type: T }> | undefined {
    const value = this.get(key);
    if (value && value.type !== type) throw wrongType();
    return value as Extract<Value, { type: T }> | undefined;
  }

  /** Stores a value; the deadline is kept only when told. */
  set(key: string, value: Value, deadline?: number | 'keep'): void {
    const old = this.#live(key);
    const kept = deadline === 'keep' ? old?.deadline : deadline;
    if (old) this.#usedBytes -= old.bytes;
    const entry = { value, deadline: kept, bytes: KEY_OVERHEAD + key.length + value.bytes };
    this.#entries.set(key, entry);
    this.#usedBytes += entry.bytes;
    this.#trackDeadline(key, kept);
    this.#notify(key);
  }

  /** To be called after a value was changed in place: accounts for it, and removes it when empty. */
  changed(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    const bytes = KEY_OVERHEAD + key.length + entry.value.bytes;
    this.#usedBytes += bytes - entry.bytes;
    entry.bytes = bytes;
    if (entry.value.size === 0) this.#remove(key, entry);
    this.#notify(key);
  }

  delete(key: string): boolean {
    const entry = this.#live(key);
    if (!entry) return false;
    this.#remove(key, entry);
    this.#notify(key);
    return true;
  }

  /** undefined: no such key; null: no deadline. */
  deadline(key: string): number | null | undefined {
    const entry = this.#live(key);
    return entry && (entry.deadline ?? null);
  }

  /** Sets or clears the deadline of an existing key; a deadline in the past deletes the key. */
  setDeadline(key: string, deadline: number | undefined): void {
    const entry = this.#live(key);
    if (!entry) return;
    if (deadline !== undefined && deadline <= this.now()) this.#remove(key, entry);
    else {
      entry.deadline = deadline;
      this.#trackDeadline(key, deadline);
    }
    this.#notify(key);
  }

  /** Live keys, in order of insertion. */
  *keys(): Generator<string> {
    for (const key of this.#entries.keys()) if (this.#live(key)) yield key;
  }

  clear(): void {
    for (const key of this.#watchers.keys()) if (this.#entries.has(key)) this.#notify(key);
    this.#entries.clear();
    this.#volatile.clear();
    this.#sweepCursor = this.#volatile.values();
    this.#usedBytes = 0;
  }

  /** Evicts keys with a deadline until the bound holds; throws OOM when there is none left to evict. */
  makeRoom(): void {
    if (this.#usedBytes <= this.#maxBytes) return;
    for (const key of this.#volatile) {
      const entry = this.#entries.get(key);
      if (entry) this.#remove(key, entry);
      this.evicted += 1;
      this.#notify(key);
      if (this.#usedBytes <= this.#maxBytes) return;
    }
    throw new RedisError("OOM command not allowed when used memory > 'maxmemory'.");
  }

  /** Removes the expired ones among the next `limit` keys with a deadline; called by the sweep timer, round and round. */
  sweep(limit: number): void {
    for (let looked = 0; looked < limit; looked++) {
      const next = this.#sweepCursor.next();
      if (next.done) {
        this.#sweepCursor = this.#volatile.values();
        return;
      }
      this.#live(next.value);
    }
  }

  watch(key: string, watcher: Watcher): void {
    this.#live(key);
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(watcher));
  }

  unwatch(key: string, watcher: Watcher): void {
    const watchers = this.#watchers.get(key);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#watchers.delete(key);
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.deadline === undefined || entry.deadline > this.now()) return entry;
    this.#remove(key, entry);
    this.expired += 1;
    this.#notify(key);
    return undefined;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#volatile.delete(key);
    this.#usedBytes -= entry.bytes;
  }

  #trackDeadline(key: string, deadline: number | undefined): void {
    this.#volatile.delete(key);
    if (deadline !== undefined) this.#volatile.add(key);
  }

  #markUsed(key: string): void {
    if (this.#maxBytes === Number.POSITIVE_INFINITY) return;
    this.#volatile.delete(key);
    this.#volatile.add(key);
  }

  #notify(key: string): void {
    for (const watcher of this.#watchers.get(key) ?? []) watcher();
  }
}
