import type { Services } from '../runtime/services.ts';

type State = 'ok' | 'failed' | 'off';

export interface Readiness {
  readonly status: 'ok' | 'degraded' | 'failed';
  readonly checks: { readonly postgres: State; readonly redis: State; readonly queues: State };
}

/** Asks each part by itself. The database and the queues are the truth and its way in; the cache only makes things faster. */
export async function readiness(services: Services): Promise<Readiness> {
  const [postgres, redis, queues] = await Promise.all([
    check(() => services.database.inSystem((db) => db.query('SELECT 1'))),
    services.cache ? check(() => services.cache?.ping() ?? Promise.resolve()) : Promise.resolve<State>('off'),
    check(() => services.queue.depth('ingest-default')),
  ]);
  const status = postgres === 'failed' ? 'failed' : redis === 'failed' || queues === 'failed' ? 'degraded' : 'ok';
  return { status, checks: { postgres, redis, queues } };
}

async function check(ask: () => Promise<unknown>): Promise<State> {
  try {
    await ask();
    return 'ok';
  } catch {
    return 'failed';
  }
}
