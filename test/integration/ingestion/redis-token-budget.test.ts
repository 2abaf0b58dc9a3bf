import { createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '../../../infra/local/redis/server.ts';
import { RedisCache } from '../../../shared/adapters/redis/redis-cache.ts';
import { RedisTokenBudget } from '../../../shared/adapters/redis/redis-token-budget.ts';
import { bucketOf } from '../../../shared/limits/token-budget.ts';

const perMinute = 60_000;
const { capacity } = bucketOf(perMinute);

describe('RedisTokenBudget', () => {
  let url: string;
  let stop: () => Promise<void>;
  let models = 0;
  const failures: unknown[] = [];
  const open: RedisCache[] = [];

  const patient: Redis[] = [];
  /** With all the time that a busy machine takes: an answer that is late is another test. */
  const patientClient = () => {
    const client = new Redis(url);
    patient.push(client);
    return client;
  };

  /** A process of its own: its own connection. */
  const create = (
    at = url,
    settings: { tokensPerMinute: number | null; requestsPerMinute: number | null } = {
      tokensPerMinute: perMinute,
      requestsPerMinute: null,
    },
  ) => {
    const cache = new RedisCache({ url: at, onFailure: (error) => failures.push(error) });
    open.push(cache);
    const own = at === url ? patientClient() : undefined;
    const client = async () => own ?? cache.client();
    return new RedisTokenBudget({
      client,
      budget: settings,
      processes: 10,
      onFailure: (error) => failures.push(error),
    });
  };

  beforeAll(async () => {
    const native = process.env.LOCAL_REDIS_URL;
    const redis = native ? undefined : await startRedis();
    url = native ?? (redis as { url: string }).url;
    stop = async () => redis?.close();
  });
  afterAll(async () => {
    await Promise.all(open.map((cache) => cache.close()));
    for (const client of patient) client.disconnect();
    await stop();
  });
  const model = () => `budget-${process.pid}-${++models}`;

  it('is one for all processes: together they get what there is, and no more', async () => {
    const name = model();
    const processes = [create(), create(), create()];
    let given = 0;
    const started = performance.now();
    const work = processes.map(async (budget) => {
      while ((await budget.take(name, 100, 'critical')) === 0) given += 100;
    });
    await Promise.all(work);
    const refilled = (performance.now() - started + 20) * bucketOf(perMinute).perMillisecond;
    expect(given).toBeGreaterThanOrEqual(capacity - 100);
    expect(given).toBeLessThanOrEqual(capacity + refilled + 300);
    expect(failures).toEqual([]);
  });

  it('keeps shares by priority, and says how long to wait', async () => {
    const name = model();
    const budget = create();
    await budget.note(name, capacity * 0.75, 1);
    expect(await budget.take(name, 100, 'low')).toBeGreaterThan(0);
    const wait = await budget.take(name, 1_000, 'default');
    expect(wait).toBeGreaterThan(300);
    expect(wait).toBeLessThan(700);
    expect(await budget.take(name, 1_000, 'critical')).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await budget.take(name, 1_000, 'default')).toBeGreaterThan(0);
  });

  it('refills, takes what a question spent, and gives back what was too much', async () => {
    const name = model();
    const budget = create();
    await budget.note(name, capacity * 2, 1);
    const wait = await budget.take(name, 1, 'critical');
    expect(wait).toBeGreaterThan(0.9 * (capacity / bucketOf(perMinute).perMillisecond));
    await budget.note(name, -capacity * 2, 0);
    expect(await budget.take(name, 100, 'critical')).toBe(0);
  });

  it('counts requests too', async () => {
    const name = model();
    const budget = create(url, { tokensPerMinute: null, requestsPerMinute: 60 });
    let taken = 0;
    while ((await budget.take(name, 1e9, 'critical')) === 0) taken += 1;
    expect(taken).toBeGreaterThanOrEqual(9);
    expect(taken).toBeLessThanOrEqual(12);
  });

  it('is the process’s own share while the server is away or frozen, and then costs milliseconds', async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => void sockets.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const frozen = `redis://127.0.0.1:${(silent.address() as { port: number }).port}`;
    for (const at of ['redis://127.0.0.1:1', frozen]) {
      const budget = create(at);
      const name = model();
      let given = 0;
      // The breaker opens after five.
      for (let n = 0; n < 5; n++) if ((await budget.take(name, 50, 'critical')) === 0) given += 50;
      const started = performance.now();
      while ((await budget.take(name, 50, 'critical')) === 0) given += 50;
      expect(performance.now() - started).toBeLessThan(50);
      // A tenth, and what came back in the seconds that a frozen server costs at first.
      expect(given).toBeGreaterThanOrEqual(capacity / 10 - 50);
      expect(given).toBeLessThanOrEqual(capacity / 10 + 500);
    }
    expect(failures.length).toBeGreaterThan(0);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});
