import { describe, expect, it, vi } from 'vitest';
import { ModelError } from '../../../shared/models/model-error.ts';
import { type RetryPolicy, withRetries } from '../../../shared/models/retry.ts';
import { retryAfterSeconds } from '../../../shared/models/retry-after.ts';

/** A clock that sleeping moves. */
function policy(random = 1): RetryPolicy & { readonly slept: number[] } {
  let now = 0;
  const slept: number[] = [];
  return {
    baseSeconds: 0.5,
    capSeconds: 20,
    longestWaitSeconds: 20,
    badResponseRetries: 2,
    doubtedRetries: 2,
    random: () => random,
    now: () => now,
    sleep: async (milliseconds) => {
      slept.push(milliseconds);
      now += milliseconds;
    },
    slept,
  };
}

const failing = (error: ModelError, times: number) => {
  let calls = 0;
  return vi.fn(async () => {
    calls += 1;
    if (calls <= times) throw error;
    return 'done';
  });
};

describe('withRetries', () => {
  it('doubles the ceiling of its waits up to the cap', async () => {
    const time = policy();
    await withRetries(failing(new ModelError('transient', 'x'), 8), { deadline: 1e9 }, time);
    expect(time.slept).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
  });

  it('asks for a doubted text three times', async () => {
    const time = policy();
    const call = failing(new ModelError('transient', 'x', { status: 500 }), 9);
    const asked = withRetries(call, { deadline: 1e9, isDoubted: true }, time);
    await expect(asked).rejects.toMatchObject({ kind: 'transient', status: 500 });
    expect([call.mock.calls.length, time.slept]).toEqual([3, [500, 1_000]]);
  });

  it('draws each wait from zero to the ceiling', async () => {
    const time = policy(0.25);
    await withRetries(failing(new ModelError('transient', 'x'), 2), { deadline: 1e9 }, time);
    expect(time.slept).toEqual([125, 250]);
  });

  it('waits as long as it was asked to, and a little, so that not all who were asked come at once', async () => {
    for (const [random, slept] of [
      [0, 7_000],
      [1, 7_500],
    ] as const) {
      const time = policy(random);
      const asked = new ModelError('transient', 'x', { retryAfterSeconds: 7 });
      await withRetries(failing(asked, 1), { deadline: 1e9 }, time);
      expect(time.slept).toEqual([slept]);
    }
  });

  it('leaves a wait that is too long for a process to its caller, however much time there is', async () => {
    const time = policy(0);
    const call = failing(new ModelError('transient', 'x', { retryAfterSeconds: 21 }), 9);
    await expect(withRetries(call, { deadline: 1e9 }, time)).rejects.toMatchObject({ retryAfterSeconds: 21 });
    expect(time.slept).toEqual([]);
    const refusedByUs = failing(new ModelError('transient', 'x', { retryAfterSeconds: 21, isOurs: true }), 9);
    await expect(withRetries(refusedByUs, { deadline: 1e9 }, time)).rejects.toMatchObject({ isOurs: true });
  });

  it('tells its caller of a wait that is longer than the time left, without waiting', async () => {
    const time = policy(0);
    const call = failing(new ModelError('transient', 'x', { status: 429, retryAfterSeconds: 120 }), 9);
    await expect(withRetries(call, { deadline: 60_000 }, time)).rejects.toMatchObject({
      kind: 'transient',
      status: 429,
      retryAfterSeconds: 120,
    });
    expect(time.slept).toEqual([]);
    expect(call).toHaveBeenCalledTimes(1);
  });

  it.each(['input', 'provider'] as const)('does not repeat a fault of the %s', async (kind) => {
    const call = failing(new ModelError(kind, 'x'), 1);
    await expect(withRetries(call, { deadline: 1e9 }, policy())).rejects.toMatchObject({ kind });
    expect(call).toHaveBeenCalledTimes(1);
  });

  it('takes rubbish that comes three times for a fault of the input', async () => {
    const call = failing(new ModelError('transient', 'x', { badResponse: true }), 9);
    await expect(withRetries(call, { deadline: 1e9 }, policy())).rejects.toMatchObject({
      kind: 'input',
      badResponse: true,
    });
    expect(call).toHaveBeenCalledTimes(3);
  });

  it("lets errors through that are not the model's", async () => {
    const call = vi.fn(async () => Promise.reject(new TypeError('ours')));
    await expect(withRetries(call, { deadline: 1e9 }, policy())).rejects.toThrow(TypeError);
    expect(call).toHaveBeenCalledTimes(1);
  });
});

describe('retryAfterSeconds', () => {
  const now = Date.parse('2026-11-20T12:00:00Z');
  const of = (headers: Record<string, string>) => retryAfterSeconds((name) => headers[name], now);

  it('reads every form in use', () => {
    expect(of({ 'retry-after': '20' })).toBe(20);
    expect(of({ 'retry-after': '1.5' })).toBe(1.5);
    expect(of({ 'retry-after-ms': '250', 'retry-after': '1' })).toBe(0.25);
    expect(of({ 'retry-after': 'Fri, 20 Nov 2026 12:02:00 GMT' })).toBe(120);
    expect(of({ 'retry-after': 'Fri, 20 Nov 2026 11:00:00 GMT' })).toBe(0);
    expect(of({})).toBeUndefined();
    expect(of({ 'retry-after': 'soon' })).toBeUndefined();
    expect(of({ 'retry-after': '-5x' })).toBeUndefined();
  });
});
