import { connectionLimit } from './constructs/connection-limit.ts';
import type { ConcurrencyByPriority, StageSettings } from './stage-settings.ts';

/** Connections that one environment may open: the size of its pool (`functions/runtime/services.ts`). */
const connectionsOfEnvironment = 2;
/** Uploads, maintenance and dead letters; each queue of dead letters may hold the least that an event source allows. */
const fixedEnvironments = 5 + 2 + 9 * 2;
/** For people, migrations, and the database's own. */
const spare = 20;
/** A proxy opens as many as it needs for the transactions that run, and may open nearly all. */
const proxyShare = 0.9;

const total = ({ critical, default: usual, low }: ConcurrencyByPriority): number => critical + usual + low;

/** Connections that the functions of a stage may have open at once, and how many of them the database admits. */
export function connectionNeed({ api, ingestion, connections, database }: StageSettings): {
  readonly needed: number;
  readonly admitted: number;
} {
  const environments =
    api.reservedConcurrency.buffered +
    api.reservedConcurrency.streaming +
    total(ingestion.ingestConcurrency) +
    total(ingestion.embedConcurrency) +
    connections.catalogConcurrency +
    fixedEnvironments;
  const limit = connectionLimit(database);
  // Behind a proxy an environment takes a connection for a transaction, one at a time.
  if (database.proxy) return { needed: environments, admitted: Math.floor(limit * proxyShare) };
  return { needed: environments * connectionsOfEnvironment, admitted: limit - spare };
}
