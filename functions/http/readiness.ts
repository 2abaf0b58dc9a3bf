import { setTimeout as delay } from 'node:timers/promises';
import type { Services } from '../runtime/services.ts';

type State = 'ok' | 'failed' | 'off';

export interface Readiness {
  readonly status: 'ok' | 'degraded' | 'failed';
  readonly checks: { readonly postgres: State; readonly redis: State; readonly queues: State };
}

/**
 * Asks each part by itself. The database is the truth and the queues are the way to those who work on it; the cache only makes things
 * faster, and is given 50 ms for an answer, which a busy process misses now and then: what failed once is asked again before it counts.
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

/** Milliseconds before each further try. */
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
