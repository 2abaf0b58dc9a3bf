import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from './random.ts';

export interface LatencyOptions {
  /** Milliseconds of every request. */
  readonly latencyMs?: number;
  /** Milliseconds more for each input of an embeddings request. */
  readonly perInputMs?: number;
  /** `long-tail` draws the base instead: p50 80 ms, p99 2 s, 1 % 30 s. */
  readonly profile?: 'long-tail';
}

/** Time as a timer, not as work: a slow provider costs its caller's time and nobody's processor. */
export class Latency {
  readonly #options: LatencyOptions;
  readonly #random: () => number;

  constructor(options: LatencyOptions, seed: number) {
    this.#options = options;
    this.#random = seededRandom(seed);
  }

  async wait(inputs: number, signal: AbortSignal): Promise<void> {
    const milliseconds = this.#base() + (this.#options.perInputMs ?? 0) * inputs;
    if (milliseconds > 0) await pause(milliseconds, signal);
  }

  #base(): number {
    return this.#options.profile === 'long-tail' ? longTail(this.#random()) : (this.#options.latencyMs ?? 0);
  }
}

/** Log-linear from 20 ms over 80 ms in the middle to 2 s at 99 %; the last per cent takes 30 s. */
function longTail(share: number): number {
  if (share >= 0.99) return 30_000;
  if (share < 0.5) return 20 * 4 ** (share / 0.5);
  return 80 * 25 ** ((share - 0.5) / 0.49);
}

/** Resolves after the time, or as soon as the client has gone. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
