/**
 * `npm run bench:limits [-- --seconds 15 --times 100]`: what limiting a request costs on native engines, warm; what it costs when Redis is
 * frozen in the middle (SIGSTOP); and what one workspace that asks a hundred times as much as its neighbours does to them, on the whole
 * system with the default limits scaled down, so that one machine meets them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { RedisCache } from '../../shared/adapters/redis/redis-cache.ts';
import { RedisRates } from '../../shared/adapters/redis/redis-rates.ts';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import type { RateBucket } from '../../shared/limits/rate-limit.ts';
import { RateWindows, StandInRates } from '../../shared/limits/rate-windows.ts';
import { openTestDatabase } from '../support/database.ts';
import { createWorkspace } from '../support/local-cloud.ts';
import { dropDatabase, type Engines, startEngines } from './engines.ts';
import { httpClient } from './http-client.ts';
import { startModelServer } from './model-server.ts';
import { type Cloud, startCloud } from './start-cloud.ts';
import { median, percentile, report } from './statistics.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '15' }, times: { type: 'string', default: '100' } },
});
const seconds = Number(values.seconds);
const times = Number(values.times);
const bars = { hotMilliseconds: 0.3, firstFrozen: 60, frozen: 2, neighbours: 2 };
const neighbours = 4;
const neighbourRate = 2;
/** Of one workspace, in a second: what the neighbours need many times over, and a hundredth of what the loud one asks for. */
const readsPerSecond = 20;

const engines = await startEngines('limits');
await dropDatabase(engines, 'dbrag');
const directory = mkdtempSync(join(tmpdir(), 'dbrag-bench-limits-'));
const models = await startModelServer();
const one = { requests: readsPerSecond * 60, seconds: 60 };
const cloud = await startCloud({
  assemblyDirectory: await assemblyOf('local'),
  dataDirectory: join(directory, 'data'),
  port: 0,
  databaseUrl: engines.databaseUrl,
  redisUrl: engines.redisUrl,
  models: { baseUrl: models.baseUrl },
  environment: {
    [names.rateLimits]: JSON.stringify({ read: { subject: { requests: readsPerSecond, seconds: 1 }, workspace: one } }),
  },
});
try {
  const loud = await createWorkspace(cloud, 'loud');
  await shedding(cloud, loud);
  await costs(engines, cloud, loud.id);
} finally {
  await cloud.close();
  await models.close();
  rmSync(directory, { recursive: true, force: true });
}

interface Load {
  readonly milliseconds: number[];
  readonly statuses: Map<number, number>;
}

/** Asks at a rate, whatever the answers take, from as many connections as that needs. */
async function load(apiKey: string, perSecond: number): Promise<Load> {
  const api = httpClient(cloud.url, { authorization: `Bearer ${apiKey}` }, 64);
  const taken: Load = { milliseconds: [], statuses: new Map() };
  const open = new Set<Promise<void>>();
  const started = performance.now();
  for (let n = 0; n < seconds * perSecond; n++) {
    const due = started + (n * 1_000) / perSecond;
    if (due > performance.now()) await sleep(due - performance.now());
    const asked = api('POST', '/v1/search', { query: `What is ${n % 50}?`, mode: 'keyword' }).then(
      ({ status, milliseconds }) => {
        taken.milliseconds.push(milliseconds);
        taken.statuses.set(status, (taken.statuses.get(status) ?? 0) + 1);
      },
    );
    open.add(asked);
    void asked.finally(() => open.delete(asked));
  }
  await Promise.all(open);
  return taken;
}

async function shedding(running: Cloud, loud: { apiKey: string }): Promise<void> {
  const others: { readonly apiKey: string }[] = [];
  for (let n = 0; n < neighbours; n++) others.push(await createWorkspace(running, `neighbour ${n}`));
  const quiet = async () =>
    (await Promise.all(others.map(({ apiKey }) => load(apiKey, neighbourRate)))).flatMap((all) => all.milliseconds);
  await quiet();
  const alone = percentile(await quiet(), 0.95);
  const [beside, noise] = await Promise.all([quiet(), load(loud.apiKey, neighbourRate * times)]);
  const shed = noise.statuses.get(429) ?? 0;
  const ratio = percentile(beside, 0.95) / alone;
  report('neighbours alone, p95', `${alone.toFixed(1)} ms`);
  report(
    `beside one that asks ${times} times as much, p95`,
    `${percentile(beside, 0.95).toFixed(1)} ms, ${ratio.toFixed(2)} times`,
    {
      text: `<= ${bars.neighbours} times`,
      met: ratio <= bars.neighbours,
    },
  );
  report('of the loud one', `${[...noise.statuses].map(([status, count]) => `${count} × ${status}`).join(', ')}`, {
    text: 'most are 429',
    met: shed > noise.milliseconds.length / 2,
  });
}

async function costs({ redisProcessId, redisUrl }: Engines, running: Cloud, publicWorkspaceId: string): Promise<void> {
  const cache = new RedisCache({ url: redisUrl, onFailure() {} });
  const database = openTestDatabase(running.applicationDatabaseUrl, { preparedStatements: true });
  const settings = { client: () => cache.client(), isConnected: () => true, breaker: cache.breaker, onFailure() {} };
  const rates = new StandInRates(new RedisRates(settings), new RateWindows(database));
  const workspaceId = publicWorkspaceId.replace(/^ws_(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const buckets: RateBucket[] = (['key', 'subject', 'workspace'] as const).map((scope) => ({
    scope,
    name: `read:${scope}`,
    limit: { requests: 1e6, seconds: 60 },
  }));
  const take = async (count: number) => {
    const milliseconds: number[] = [];
    for (let n = 0; n < count; n++) {
      const started = performance.now();
      await rates.take(workspaceId, buckets);
      milliseconds.push(performance.now() - started);
    }
    return milliseconds;
  };
  await take(500);
  const hot = median(await take(3_000));
  report('three buckets, warm, p50', `${hot.toFixed(3)} ms`, {
    text: `<= ${bars.hotMilliseconds} ms`,
    met: hot <= bars.hotMilliseconds,
  });
  await database.inWorkspace({ workspaceId }, (db) => db.query('SELECT 1'));
  process.kill(redisProcessId, 'SIGSTOP');
  try {
    const [first = 0] = await take(1);
    const next = await take(200);
    report('Redis frozen: the first request', `${first.toFixed(1)} ms`, {
      text: `<= ${bars.firstFrozen} ms`,
      met: first <= bars.firstFrozen,
    });
    report(
      'Redis frozen: the next ones, p50 (p95)',
      `${median(next).toFixed(2)} ms (${percentile(next, 0.95).toFixed(2)} ms)`,
      {
        text: `<= ${bars.frozen} ms`,
        met: median(next) <= bars.frozen,
      },
    );
  } finally {
    process.kill(redisProcessId, 'SIGCONT');
  }
  await cache.close();
  await database.close();
}
