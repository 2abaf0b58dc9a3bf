import type { Clock } from '../../core/clock.ts';

const failuresToOpen = 5;
const openMilliseconds = 5_000;

/**
 * Stops asking what does not answer: after five failures in a row it is left alone for five seconds, then one call tries whether it
 * is back. So a cache that is frozen costs its time limit a few times, and nothing after that.
 */
export class CircuitBreaker {
  private readonly clock: Clock;
  private failures = 0;
  private openUntil = 0;
  private trying = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Whether a call may be made now. Whoever is let in tells how it went. */
  admits(): boolean {
    if (this.failures < failuresToOpen) return true;
    if (this.trying || this.clock.now().getTime() < this.openUntil) return false;
    this.trying = true;
    return true;
  }

  succeeded(): void {
    this.failures = 0;
    this.trying = false;
  }

  failed(): void {
    this.failures++;
    this.trying = false;
    if (this.failures >= failuresToOpen) this.openUntil = this.clock.now().getTime() + openMilliseconds;
  }
}
