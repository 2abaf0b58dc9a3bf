import { setTimeout as delay } from 'node:timers/promises';
import type { Services } from '../runtime/services.ts';

type State = 'ok' | 'failed' | 'off';

export interface Readiness {
  readonly status: 'ok' | 'degraded' | 'failed';
  readonly checks: { readonly postgres: State; readonly redis: State; readonly queues: State };
}

/**
 * Checks each dependency. Without the database nothing works, without queues no work starts; the cache only makes things faster. The cache
 * must answer within 50 ms, which a busy process misses now and then, so a failed check is repeated before it counts.
 */
export async function readiness(services: Services): Promise<Readiness> {
  const [postgres, redis, queues] = await Promise.all([
    check(() => services.database.inSystem((db) => db.query('SELECT 1'))),
    services.cache ? check(() => services.cache?.ping() ?? Promise.resolve(), passing) : Promise.resolve<State>('off'),
    check(() => services.queue.depth('ingest-default'), passing),
  ]);
  const status = postgres === 'failed' ? 'failed' : redis === 'failed' || queues === 'failed' ? 'degraded' : 'ok';
  return { status, checks: { postgres, redis, queues } };
}

/** Anybody may ask, so the dependencies are checked once a second at most. */
const keptMilliseconds = 1_000;
const lately = new WeakMap<Services, { readonly report: Promise<Readiness>; readonly until: number }>();

/** As `readiness`, cached for a second. @param now milliseconds since 1970 */
export function recentReadiness(services: Services, now: number = Date.now()): Promise<Readiness> {
  const known = lately.get(services);
  if (known && now < known.until) return known.report;
  const report = readiness(services);
  lately.set(services, { report, until: now + keptMilliseconds });
  return report;
}

/** Milliseconds before each repetition. */
const passing = [50, 200];

async function check(ask: () => Promise<unknown>, again: readonly number[] = []): Promise<State> {
  for (const wait of [...again, null]) {
    try {
      await ask();
      return 'ok';
    } catch {
      if (wait !== null) await delay(wait);
    }
  }
  return 'failed';
}
