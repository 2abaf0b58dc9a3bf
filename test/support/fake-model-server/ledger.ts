import { leaks, modelKeyCanary } from '../canaries.ts';

/** What the provider would have seen and billed. A purchase is an input that was fully processed, whether or not the answer arrived. */
export interface LedgerSnapshot {
  /** Requests that arrived, by path: embeddings and chat. */
  readonly requests: { embeddings: number; chat: number };
  /** Answered in full, and without a fault. */
  readonly succeeded: number;
  /** Inputs and tokens of processed embeddings requests. */
  readonly inputs: number;
  readonly tokens: number;
  /** Requests refused for their own fault (limits, shape), each with its message. Not the 400s that a fault asked for. */
  readonly refusals: readonly string[];
  /** How often each fault struck. */
  readonly faults: Readonly<Record<string, number>>;
  /** Requests in work now, and the most there ever were. */
  readonly concurrency: number;
  readonly peakConcurrency: number;
  /** Texts that were bought, and how many of these more than once. */
  readonly distinctTexts: number;
  readonly repeatedTexts: number;
  /** Requests that held a secret which nobody may send to a model. */
  readonly leaks: number;
}

const MAX_KEPT_REFUSALS = 1_000;

export class Ledger {
  #requests = { embeddings: 0, chat: 0 };
  #succeeded = 0;
  #inputs = 0;
  #tokens = 0;
  #refusals: string[] = [];
  #leaks = 0;
  #faults: Record<string, number> = {};
  #concurrency = 0;
  #peakConcurrency = 0;
  /** By hash: 20,000 texts would be 40 MB. */
  #purchases = new Map<number, number>();

  /** Looks for secrets in the body of a request. */
  look(body: string): void {
    this.#leaks += leaks([body], [modelKeyCanary]).length;
  }

  begin(kind: 'embeddings' | 'chat'): void {
    this.#requests[kind] += 1;
    this.#concurrency += 1;
    this.#peakConcurrency = Math.max(this.#peakConcurrency, this.#concurrency);
  }

  end(): void {
    this.#concurrency -= 1;
  }

  succeed(): void {
    this.#succeeded += 1;
  }

  buy(texts: readonly string[], tokens: number): void {
    this.#inputs += texts.length;
    this.#tokens += tokens;
    for (const text of texts) {
      const key = purchaseKey(text);
      this.#purchases.set(key, (this.#purchases.get(key) ?? 0) + 1);
    }
  }

  refuse(message: string): void {
    if (this.#refusals.length < MAX_KEPT_REFUSALS) this.#refusals.push(message);
  }

  strike(fault: string): void {
    this.#faults[fault] = (this.#faults[fault] ?? 0) + 1;
  }

  /** How often a text was bought. */
  purchases(text: string): number {
    return this.#purchases.get(purchaseKey(text)) ?? 0;
  }

  snapshot(): LedgerSnapshot {
    return {
      requests: { ...this.#requests },
      succeeded: this.#succeeded,
      inputs: this.#inputs,
      tokens: this.#tokens,
      refusals: [...this.#refusals],
      faults: { ...this.#faults },
      concurrency: this.#concurrency,
      peakConcurrency: this.#peakConcurrency,
      distinctTexts: this.#purchases.size,
      leaks: this.#leaks,
      repeatedTexts: [...this.#purchases.values()].filter((times) => times > 1).length,
    };
  }

  /** Back to zero, but for requests that are in work. */
  reset(): void {
    this.#requests = { embeddings: 0, chat: 0 };
    this.#succeeded = 0;
    this.#inputs = 0;
    this.#tokens = 0;
    this.#refusals = [];
    this.#faults = {};
    this.#peakConcurrency = this.#concurrency;
    this.#purchases = new Map();
  }
}

/** 53 bits of two FNV-1a lanes in one pass: among 100,000 texts two share a key with a chance of one in a million. */
function purchaseKey(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b);
  }
  return ((high ^ (high >>> 15)) & 0x1fffff) * 2 ** 32 + (low >>> 0);
}
