import type { Run } from './run.ts';

/** One row of the matrix: what is broken, what should happen, what must hold. */
export interface Campaign {
  /** F01 to F40; a word for what the matrix has no number for, `mix` for all at once. */
  readonly id: string;
  readonly fault: string;
  readonly expected: string;
  /** Beside the checker, which holds after each. */
  readonly criteria: string;
  /**
   * Injects, drives traffic, and judges. When it returns, every fault is ended, everything comes to rest, and the checker looks; what
   * must be judged after that goes into `run.afterwards`.
   */
  run(run: Run): Promise<void>;
}

export const campaign = (stated: Campaign): Campaign => stated;
