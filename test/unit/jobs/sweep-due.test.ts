import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sweepDelaySeconds } from '../../../shared/jobs/arm-sweep.ts';
import { isDue, nextSweepSeconds } from '../../../shared/jobs/sweep-schedule.ts';
import type { UnfinishedWork } from '../../../shared/jobs/unfinished-work.ts';

const now = Date.UTC(2026, 10, 1);
const minute = 60_000;
const minutesAgo = (minutes: number) => new Date(now - minutes * minute);
const row = (changes: Partial<UnfinishedWork> = {}): UnfinishedWork => ({
  kind: 'version',
  workspace_id: 'w',
  document_id: 'd',
  version: 1,
  attempt: 1,
  job_id: 'j',
  job_type: 'ingest_document',
  status: 'queued',
  is_split: false,
  priority: 'default',
  waiting_until: null,
  nudged_at: null,
  nudges: 0,
  created_at: minutesAgo(0),
  deadline_at: new Date(now + 360 * minute),
  ...changes,
});

describe('what is due for a nudge', () => {
  it('has not moved for five minutes', () => {
    expect(isDue(row({ created_at: minutesAgo(5) }), now)).toBe(true);
    expect(isDue(row({ created_at: minutesAgo(4) }), now)).toBe(false);
    expect(isDue(row({ created_at: minutesAgo(60), nudged_at: minutesAgo(4) }), now)).toBe(false);
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
      expect(isDue(row({ ...old, nudged_at: minutesAgo(minutes - 1) }), now)).toBe(false);
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

describe('the next sweep', () => {
  const next = (...work: UnfinishedWork[]) => nextSweepSeconds(work, now, 500);

  it('comes when what is not due now comes due, and so no lost nudge waits much longer than five minutes', () => {
    const seconds = fc.integer({ min: 0, max: sweepDelaySeconds });
    fc.assert(
      fc.property(fc.array(seconds, { minLength: 1 }), (ages) => {
        const work = ages.map((age) => row({ created_at: new Date(now - age * 1_000) }));
        const then = now + nextSweepSeconds(work, now, 500) * 1_000;
        const waiting = work.filter((one) => !isDue(one, now));
        return waiting.every((one) => (then - one.created_at.getTime()) / 1_000 <= sweepDelaySeconds + 30);
      }),
    );
  });

  it('lets an idle database sleep while nothing is due, and comes at the first deadline', () => {
    const awaited = row({ status: 'awaiting_upload', created_at: minutesAgo(50) });
    expect(next(awaited)).toBe(900);
    expect(next({ ...awaited, deadline_at: new Date(now + 2 * minute) })).toBe(120);
    expect(next({ ...awaited, deadline_at: minutesAgo(1) })).toBe(900);
    expect(next(row({ waiting_until: new Date(now + 10 * minute) }))).toBe(600);
  });

  it('comes in five minutes behind one that had something to do, which may die of it', () => {
    expect(next(row({ created_at: minutesAgo(60), nudges: 8 }))).toBe(sweepDelaySeconds);
  });

  it('comes soon when more was due than one sweep takes on', () => {
    const lost = Array.from({ length: 3 }, () => row({ created_at: minutesAgo(6) }));
    expect(nextSweepSeconds(lost, now, 3)).toBe(60);
    expect(nextSweepSeconds([...lost.slice(1), row({ created_at: minutesAgo(6), priority: 'low' })], now, 3)).toBe(300);
  });
});
