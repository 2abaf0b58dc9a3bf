import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sweepDelaySeconds } from '../../../shared/jobs/arm-sweep.ts';
import { isDue } from '../../../shared/jobs/sweep.ts';

const now = Date.UTC(2026, 10, 1);
const minutesAgo = (minutes: number) => new Date(now - minutes * 60_000);
const row = (changes: Partial<Parameters<typeof isDue>[0]> = {}) => ({
  waiting_until: null,
  nudged_at: null,
  created_at: minutesAgo(0),
  nudges: 0,
  ...changes,
});

describe('what is due for a nudge', () => {
  it('is found by the sweep that was armed up to a minute before it was made', () => {
    expect(isDue(row({ created_at: new Date(now - (sweepDelaySeconds - 60) * 1_000) }), now)).toBe(true);
    expect(isDue(row({ created_at: minutesAgo(2) }), now)).toBe(false);
  });

  it('waits twice as long after each nudge, to an hour', () => {
    for (const [nudges, minutes] of [
      [1, 10],
      [2, 20],
      [3, 40],
      [4, 60],
      [20, 60],
    ] as const) {
      const old = { created_at: minutesAgo(10_000), nudges };
      expect(isDue(row({ ...old, nudged_at: minutesAgo(minutes) }), now)).toBe(true);
      expect(isDue(row({ ...old, nudged_at: minutesAgo(minutes - 2) }), now)).toBe(false);
    }
  });

  it('is not what waits for a provider', () => {
    expect(isDue(row({ created_at: minutesAgo(60), waiting_until: new Date(now + 1) }), now)).toBe(false);
    expect(isDue(row({ created_at: minutesAgo(60), waiting_until: new Date(now) }), now)).toBe(true);
  });

  it('comes due at last, whatever its history', () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 }), fc.integer({ min: 60, max: 100_000 }), (nudges, minutes) =>
        isDue(row({ created_at: minutesAgo(200_000), nudged_at: minutesAgo(minutes), nudges }), now),
      ),
    );
  });
});
