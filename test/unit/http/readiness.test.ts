import { expect, it } from 'vitest';
import { readiness, recentReadiness } from '../../../functions/http/readiness.ts';
import type { Services } from '../../../functions/runtime/services.ts';

/** Each part fails as often as it is told to, then answers. */
function servicesThatFail(times: { postgres: number; redis: number; queues: number }): Services {
  const left = { ...times };
  const ask = (part: keyof typeof left) => async () => {
    left[part] -= 1;
    if (left[part] >= 0) throw new Error(`${part} did not answer`);
  };
  return {
    database: { inSystem: ask('postgres') },
    cache: { ping: ask('redis') },
    queue: { depth: ask('queues') },
  } as unknown as Services;
}

it.each([
  [{ postgres: 0, redis: 0, queues: 0 }, 'ok', { postgres: 'ok', redis: 'ok', queues: 'ok' }],
  [{ postgres: 0, redis: 2, queues: 1 }, 'ok', { postgres: 'ok', redis: 'ok', queues: 'ok' }],
  [{ postgres: 0, redis: 9, queues: 0 }, 'degraded', { postgres: 'ok', redis: 'failed', queues: 'ok' }],
  [{ postgres: 0, redis: 0, queues: 9 }, 'degraded', { postgres: 'ok', redis: 'ok', queues: 'failed' }],
  [{ postgres: 9, redis: 0, queues: 0 }, 'failed', { postgres: 'failed', redis: 'ok', queues: 'ok' }],
])('when parts fail %j times in a row, it is %s', async (times, status, checks) => {
  expect(await readiness(servicesThatFail(times))).toEqual({ status, checks });
});

it('is asked for once a second, by however many', async () => {
  let asked = 0;
  const services = {
    database: { inSystem: async () => void asked++ },
    cache: null,
    queue: { depth: async () => 0 },
  } as unknown as Services;
  const now = Date.now();
  const both = await Promise.all([recentReadiness(services, now), recentReadiness(services, now + 999)]);
  expect([asked, both[0] === both[1]]).toEqual([1, true]);
  await recentReadiness(services, now + 1_000);
  expect(asked).toBe(2);
});
