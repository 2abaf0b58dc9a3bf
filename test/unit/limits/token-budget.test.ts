import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { priorities } from '../../../shared/core/work-queue.ts';
import { bucketOf, largestRequest, ProcessBudget, type TokenBudget } from '../../../shared/limits/token-budget.ts';
import { BudgetedEmbedder } from '../../../shared/models/budgeted-embedder.ts';
import { retryPolicy } from '../../../shared/models/retry.ts';
import { FakeEmbedder } from '../models/fake-embedder.ts';

const settings = { tokensPerMinute: 60_000, requestsPerMinute: null };
const minute = 60_000;

function budget(processes = 1, of: ConstructorParameters<typeof ProcessBudget>[0] = settings) {
  let now = 0;
  return {
    budget: new ProcessBudget(of, processes, () => now),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    now: () => now,
  };
}

describe('a budget of tokens', () => {
  it('gives away no more than it has in any minute, whoever asks for what and when', async () => {
    const asked = fc.record({
      pause: fc.nat({ max: 3_000 }),
      tokens: fc.integer({ min: 1, max: largestRequest(settings) }),
      priority: fc.constantFrom(...priorities),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { minLength: 20, maxLength: 200 }), async (calls) => {
        const { budget: of, pass, now } = budget();
        const given: { at: number; tokens: number }[] = [];
        for (const { pause, tokens, priority } of calls) {
          pass(pause);
          if ((await of.take('m', tokens, priority)) === 0) given.push({ at: now(), tokens });
        }
        for (const { at } of given) {
          const inMinute = given.filter((each) => each.at >= at && each.at < at + minute);
          expect(inMinute.reduce((sum, each) => sum + each.tokens, 0)).toBeLessThanOrEqual(
            settings.tokensPerMinute + 1e-3,
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it('says how long to wait: exactly then it is there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20_000 }),
        fc.constantFrom(...priorities),
        async (tokens, priority) => {
          const { budget: of, pass } = budget();
          for (let n = 0; n < 3; n++) await of.note('m', 5_000, 1);
          const wait = await of.take('m', tokens, priority);
          if (wait > 1) {
            pass(wait - 1);
            expect(await of.take('m', tokens, priority)).toBeGreaterThan(0);
            pass(1);
          }
          expect(await of.take('m', tokens, priority)).toBe(wait === 1 ? expect.any(Number) : 0);
        },
      ),
    );
  });

  it('keeps a share for critical work, and one for default work that low does not get', async () => {
    const drain = async (of: TokenBudget, priority: (typeof priorities)[number]) => {
      let taken = 0;
      while ((await of.take('m', 100, priority)) === 0) taken += 100;
      return taken;
    };
    const { budget: of } = budget();
    const { capacity } = bucketOf(settings.tokensPerMinute);
    expect(await drain(of, 'low')).toBeCloseTo(capacity * 0.7, -2);
    expect(await drain(of, 'default')).toBeCloseTo(capacity * 0.1, -2);
    expect(await drain(of, 'critical')).toBeCloseTo(capacity * 0.2, -2);
  });

  it('lets a request through that is larger than the bucket, and pays for it afterwards', async () => {
    const { budget: of, pass } = budget();
    expect(await of.take('m', 50_000, 'low')).toBe(0);
    pass(40_000);
    expect(await of.take('m', 1, 'critical')).toBeGreaterThan(0);
    pass(10_000);
    expect(await of.take('m', 1, 'critical')).toBe(0);
  });

  it('counts requests too, and each model by itself', async () => {
    const { budget: of } = budget(1, { tokensPerMinute: null, requestsPerMinute: 60 });
    for (let n = 0; n < 10; n++) expect(await of.take('m', 1e9, 'critical')).toBe(0);
    expect(await of.take('m', 1, 'critical')).toBeGreaterThan(0);
    expect(await of.take('other', 1, 'critical')).toBe(0);
  });
});

describe('an embedder with a budget', () => {
  function world(waits: number[]) {
    const inner = new FakeEmbedder();
    const asked: string[] = [];
    const slept: number[] = [];
    const of: TokenBudget = {
      take: async (_, tokens, priority) => {
        asked.push(`take ${tokens} ${priority}`);
        return waits.shift() ?? 0;
      },
      note: async (_, tokens, requests) => void asked.push(`note ${tokens} ${requests}`),
    };
    const policy = { ...retryPolicy, now: () => 0, sleep: async (wait: number) => void slept.push(wait) };
    return { inner, asked, slept, embedder: new BudgetedEmbedder(inner, of, 100_000, policy) };
  }
  const later = { deadline: 60_000 };

  it('waits for its turn, and settles what the provider counted', async () => {
    const { embedder, asked, slept } = world([300, 200]);
    await embedder.embed(['12345678', '1234'], { ...later, priority: 'low' });
    expect(asked).toEqual(['take 3 low', 'take 3 low', 'take 3 low', 'note -1 0']);
    expect(slept).toEqual([300, 200]);
    expect(embedder.limits.maximumTokensPerRequest).toBe(100_000);
  });

  it('leaves a long wait, and one beyond the deadline, to its caller', async () => {
    for (const [wait, deadline] of [
      [30_000, 60_000],
      [2_000, 1_500],
    ] as const) {
      const { embedder, inner, slept } = world([wait]);
      const failed = embedder.embed(['a'], { deadline, priority: 'default' });
      await expect(failed).rejects.toMatchObject({ kind: 'transient', isOurs: true, retryAfterSeconds: wait / 1_000 });
      expect([inner.requests, slept]).toEqual([[], []]);
    }
  });

  it('never holds a question back, and counts it', async () => {
    const { embedder, asked } = world([5_000]);
    await embedder.embed(['a'], later);
    expect(asked).toEqual(['note 1 1']);
  });
});
