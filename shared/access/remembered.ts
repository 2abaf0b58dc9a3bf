/**
 * What was looked up lately, by a name, bounded: past that the oldest leaves. Nothing in it is older than it says, so that a change
 * elsewhere is seen in time.
 */
export class Remembered<T> {
  readonly #most: number;
  readonly #entries = new Map<string, { readonly value: T; readonly until: number }>();

  constructor(most: number) {
    this.#most = most;
  }

  get(name: string, now: number): { readonly value: T } | undefined {
    const entry = this.#entries.get(name);
    return entry && entry.until > now ? entry : undefined;
  }

  /** @param until milliseconds since 1970, from when on it is forgotten */
  set(name: string, value: T, until: number): void {
    this.#entries.delete(name);
    this.#entries.set(name, { value, until });
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > this.#most && !oldest.done) this.#entries.delete(oldest.value);
  }
}
