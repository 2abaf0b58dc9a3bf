import { createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '../../../infra/local/redis/server.ts';
import { CircuitBreaker } from '../../../shared/adapters/redis/circuit-breaker.ts';
import { RedisCache } from '../../../shared/adapters/redis/redis-cache.ts';
import { RedisRates } from '../../../shared/adapters/redis/redis-rates.ts';
import { newUuid } from '../../../shared/core/ids.ts';
import { expireRecords } from '../../../shared/jobs/expire-records.ts';
import type { RateBucket, RateDecision, RateLimiter } from '../../../shared/limits/rate-limit.ts';
import { RateWindows, StandInRates } from '../../../shared/limits/rate-windows.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

const bucket = (name: string, requests: number, seconds = 3_600): RateBucket => ({
  scope: 'workspace',
  name,
  limit: { requests, seconds },
});

let database: TestDatabase;
let redisUrl: string;
let stopRedis: () => Promise<void>;
const open: RedisCache[] = [];
const failures: unknown[] = [];
const workspaceId = newUuid();
let names = 0;
const fresh = () => `test-${process.pid}-${++names}`;

const clients: Redis[] = [];

/** A process of its own, with all the time that a busy machine takes. */
function patientRates(): RateLimiter {
  const client = new Redis(redisUrl);
  clients.push(client);
  const rates = new RedisRates({
    client: async () => client,
    isConnected: () => true,
    breaker: new CircuitBreaker(),
    onFailure(error) {
      throw error;
    },
  });
  return { take: async (...request) => (await rates.tryTake(...request)) as RateDecision };
}

function redisRates(url: string, standIn: RateLimiter) {
  const cache = new RedisCache({ url, onFailure: (error) => failures.push(error) });
  open.push(cache);
  const settings = { client: () => cache.client(), isConnected: () => cache.isConnected, breaker: cache.breaker };
  return {
    cache,
    rates: new StandInRates(new RedisRates({ ...settings, onFailure: (error) => failures.push(error) }), standIn),
  };
}

beforeAll(async () => {
  database = await createTestDatabase();
  const native = process.env.LOCAL_REDIS_URL;
  const redis = native ? undefined : await startRedis();
  redisUrl = native ?? (redis as { url: string }).url;
  stopRedis = async () => redis?.close();
  await database.application.inSystem((db) =>
    db.query(`SELECT dbrag.create_workspace($1, 'test', '{}', $2, $3, 'hint')`, [
      workspaceId,
      newUuid(),
      Buffer.alloc(32, workspaceId),
    ]),
  );
});
afterAll(async () => {
  await Promise.all(open.map((cache) => cache.close()));
  for (const client of clients) client.disconnect();
  await stopRedis();
  await database?.close();
});

describe.each(['redis', 'postgres'])('rate limits on %s', (store) => {
  /** One for each process. */
  const create = () => (store === 'redis' ? patientRates() : new RateWindows(database.application));

  it('admit exactly what there is to all processes together, and say what is left', async () => {
    const processes = [create(), create(), create()];
    const both = [bucket(fresh(), 40), bucket(fresh(), 25)];
    const decisions = processes.map(async (rates) => {
      const admitted = [];
      for (let n = 0; n < 20; n++) if ((await rates.take(workspaceId, both)).admitted) admitted.push(n);
      return admitted.length;
    });
    expect((await Promise.all(decisions)).reduce((sum, count) => sum + count)).toBe(25);
    const [first, second] = (await create().take(workspaceId, both)).levels;
    expect([first?.remaining, second?.remaining]).toEqual([15, 0]);
  });

  it('say when to come back, and keep nothing of what was refused', async () => {
    const [rates, name] = [create(), fresh()];
    expect(await rates.take(workspaceId, [bucket(name, 1)])).toMatchObject({ admitted: true, waitMilliseconds: 0 });
    const refused = await rates.take(workspaceId, [bucket(name, 1), bucket(`${name}-other`, 5)]);
    expect(refused).toMatchObject({ admitted: false, levels: [{ remaining: 0 }, { remaining: 5 }] });
    expect(refused.waitMilliseconds).toBeGreaterThan(0);
    expect(refused.waitMilliseconds).toBeLessThanOrEqual(3_600_000);
  });

  it('let the next one in when its time has come', async () => {
    const [rates, name] = [create(), fresh()];
    const admitted = async () => (await rates.take(workspaceId, [bucket(name, 1, 1)])).admitted;
    await rates.take(workspaceId, [bucket(name, 1, 1)]);
    await expect.poll(admitted, { timeout: 10_000, interval: 100 }).toBe(true);
  });
});

describe('a server that is away', () => {
  const counted = async (name: string): Promise<number> => {
    const { rows } = await database.admin.query<{ used: number }>(
      'SELECT sum(used)::int AS used FROM dbrag.rate_windows WHERE workspace_id = $1 AND key LIKE $2',
      [workspaceId, `${name}%`],
    );
    return rows[0]?.used ?? 0;
  };

  it('is asked once while it is silent, by limits and cache together; the database counts instead', async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => void sockets.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const frozen = `redis://127.0.0.1:${(silent.address() as { port: number }).port}`;
    const { rates, cache } = redisRates(frozen, new RateWindows(database.application));
    const name = fresh();
    const take = () => rates.take(workspaceId, [bucket(name, 3)]);
    const before = failures.length;
    const decisions: RateDecision[] = [];
    for (let n = 0; n < 4; n++) decisions.push(await take());
    await cache.getMany(['a', 'b']);
    expect(decisions.map(({ admitted }) => admitted)).toEqual([true, true, true, false]);
    expect(await counted(name)).toBe(3);
    expect(failures.slice(before).map((error) => (error as Error).message)).toEqual(['Command timed out']);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('is left to the database where there is nobody to connect to', async () => {
    const { rates } = redisRates('redis://127.0.0.1:1', new RateWindows(database.application));
    const name = fresh();
    for (let n = 0; n < 3; n++) expect((await rates.take(workspaceId, [bucket(name, 3)])).admitted).toBe(true);
    expect((await rates.take(workspaceId, [bucket(name, 3)])).admitted).toBe(false);
  });

  it('does not keep a first answer waiting where the limit is far away', async () => {
    const { rates, cache } = redisRates(redisUrl, new RateWindows(database.application));
    const name = fresh();
    await rates.take(workspaceId, [bucket(name, 1_000)]);
    expect([cache.isConnected, await counted(name)]).toEqual([false, 1]);
    await rates.take(workspaceId, [bucket(name, 1_000)]);
    expect(cache.isConnected).toBe(true);
  });

  it('leaves counts that go when nobody needs them', async () => {
    await database.admin.query(
      `INSERT INTO dbrag.rate_windows (workspace_id, key, window_start, used) VALUES ($1, 'old', now() - interval '3 days', 1), ($1, 'new', now(), 1)`,
      [workspaceId],
    );
    await database.application.inWorkspace({ workspaceId }, (db) => expireRecords(db, workspaceId));
    expect([await counted('old'), await counted('new')]).toEqual([0, 1]);
  });
});
