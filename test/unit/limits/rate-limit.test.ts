import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProcessRates } from '../../../shared/limits/process-rates.ts';
import { bucketsOf, type RatedCaller } from '../../../shared/limits/rate-buckets.ts';
import { type RateBucket, type RateLimits, unlimited } from '../../../shared/limits/rate-limit.ts';

const bucket = (name: string, requests: number, seconds = 60): RateBucket => ({
  scope: 'subject',
  name,
  limit: { requests, seconds },
});

describe('buckets of requests', () => {
  it('give no more than what they hold and what comes back, and never less', async () => {
    const pauses = fc.array(fc.nat({ max: 5_000 }), { minLength: 20, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(pauses, fc.integer({ min: 1, max: 60 }), async (steps, requests) => {
        let now = 1_000_000;
        const rates = new ProcessRates(() => now);
        // A bucket of the textbook: a level that rises.
        let level = requests;
        for (const pause of steps) {
          now += pause;
          level = Math.min(requests, level + (pause * requests) / 60_000);
          const { admitted, waitMilliseconds, levels } = await rates.take('w', [bucket('a', requests)]);
          if (Math.abs(level - 1) > 1e-6) expect(admitted).toBe(level >= 1);
          if (admitted) level -= 1;
          else expect(waitMilliseconds).toBeGreaterThanOrEqual(Math.floor(((1 - level) * 60_000) / requests));
          expect(Math.abs((levels[0]?.remaining ?? -1) - Math.floor(level + 1e-6))).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('are all taken from or none, and are one for each place', async () => {
    const rates = new ProcessRates(() => 0);
    const both = [bucket('small', 2), bucket('large', 10)];
    const admitted = [];
    for (let n = 0; n < 4; n++) admitted.push((await rates.take('w', both)).admitted);
    expect(admitted).toEqual([true, true, false, false]);
    expect((await rates.take('w', [bucket('large', 10)])).levels[0]?.remaining).toBe(7);
    expect((await rates.take('other', both)).levels.map(({ remaining }) => remaining)).toEqual([1, 9]);
  });

  it('forget the oldest before they use up memory', async () => {
    const rates = new ProcessRates(() => 0);
    await rates.take('w', [bucket('first', 5)]);
    for (let n = 0; n < 10_000; n++) await rates.take('w', [bucket(`b${n}`, 5)]);
    expect((await rates.take('w', [bucket('first', 5)])).levels[0]?.remaining).toBe(4);
  });
});

describe('the buckets of a request', () => {
  const stage: RateLimits = {
    ...unlimited,
    ask: { subject: { requests: 60, seconds: 60 }, workspace: { requests: 1_000, seconds: 3_600 } },
  };
  const caller: RatedCaller = { apiKeyId: 'k', actor: 'key_1', rateLimits: null };
  const shown = (buckets: readonly RateBucket[]) => buckets.map(({ name, limit }) => [name, limit.requests]);

  it('are the subject and the workspace, and the key where it has limits of its own', () => {
    expect(shown(bucketsOf(caller, 'ask', null, stage, {}))).toEqual([
      ['ask:actor:key_1', 60],
      ['ask:all', 1_000],
    ]);
    expect(shown(bucketsOf({ ...caller, rateLimits: { ask: 5 } }, 'ask', null, stage, {}))).toContainEqual([
      'ask:key:k',
      5,
    ]);
    expect(bucketsOf({ ...caller, rateLimits: { ask: 5 } }, 'read', null, stage, {})).toEqual([]);
  });

  it('are as the operator said where it said something', () => {
    const chosen = { ask: { workspace: null }, read: { subject: { requests: 3, seconds: 1 } } };
    expect(shown(bucketsOf(caller, 'ask', null, stage, chosen))).toEqual([['ask:actor:key_1', 60]]);
    expect(shown(bucketsOf(caller, 'read', null, stage, chosen))).toEqual([['read:actor:key_1', 3]]);
  });

  it('of a person are theirs, whomever a body names', () => {
    const person = { ...caller, apiKeyId: null, actor: 'sub_1', subject: { id: '1', name: 'ann' } };
    const own = shown(bucketsOf(person, 'ask', null, stage, {}));
    // Else whoever names themselves has twice the limit, and whoever names another takes theirs away.
    expect(shown(bucketsOf(person, 'ask', 'ann', stage, {}))).toEqual(own);
    expect(shown(bucketsOf(person, 'ask', 'bob', stage, {}))).toEqual(own);
    // A key that asks for them takes from the same.
    expect(shown(bucketsOf(caller, 'ask', 'ann', stage, {}))[0]).toEqual(own[0]);
  });

  it('tell subjects apart without naming them', () => {
    const [one] = bucketsOf(caller, 'ask', 'ann@example.com', stage, {});
    const [other] = bucketsOf(caller, 'ask', 'bob@example.com', stage, {});
    expect(one?.name).not.toBe(other?.name);
    expect(one?.name).not.toContain('ann');
  });
});
