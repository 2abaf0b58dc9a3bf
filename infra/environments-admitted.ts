import { connectionLimit } from './constructs/connection-limit.ts';
import type { StageSettings } from './stage-settings.ts';

/** The least that an event source accepts, and the most. */
export const leastConcurrency = 2;
export const mostConcurrency = 1_000;
/** Uploads are registered in a few milliseconds each. */
export const registerConcurrency = 5;
const deadLetterQueues = 9;
/** Connections that one environment may open: the size of its pool (`functions/runtime/connect-database.ts`). */
const connectionsOfEnvironment = 2;
/** For people, migrations, and the database's own. */
const spare = 20;
/** A proxy opens as many as it needs for the transactions that run, and may open nearly all. */
const proxyShare = 0.9;

/** Connections that one environment of a stage may have open: behind a proxy it takes one for a transaction, one at a time. */
export const connectionsEach = ({ database }: StageSettings): number => (database.proxy ? 1 : connectionsOfEnvironment);

/** Connections that the database of a stage admits to its functions. */
export function connectionsAdmitted({ database }: StageSettings): number {
  const limit = connectionLimit(database);
  return database.proxy ? Math.floor(limit * proxyShare) : limit - spare;
}

/** Environments that a stage may run at once beside those that ingest and embed: the API, catalogs, uploads, maintenance and dead letters. */
export function environmentsBesideWork({ api, connections }: StageSettings): number {
  const { buffered, streaming } = api.reservedConcurrency;
  const upkeep = registerConcurrency + leastConcurrency + deadLetterQueues * leastConcurrency;
  return buffered + streaming + connections.catalogConcurrency + upkeep;
}
