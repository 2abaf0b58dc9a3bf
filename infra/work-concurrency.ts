import { assumed, limits, measured } from './capacity/measured.ts';
import {
  connectionsAdmitted,
  connectionsEach,
  environmentsBesideWork,
  leastConcurrency,
  mostConcurrency,
} from './environments-admitted.ts';
import type { ConcurrencyByPriority, ModelSettings, StageSettings } from './stage-settings.ts';

/** Of what the other functions leave of the connections, to each of ingestion and embedding; a half stays for a stage that grows. */
const shareOfConnections = 0.25;
/** Of what a kind of work may have, by priority. The rest is rounding, and stays unused. */
const shares = { critical: 0.4, default: 0.4, low: 0.2 } as const;
/** What a request to the embedding model takes, from sending to the commit of what came back. */
const requestSeconds = assumed.embedFunctionSeconds * assumed.documentsOfRequest;
const secondsOfMinute = 60;

export interface WorkConcurrency {
  readonly ingest: ConcurrencyByPriority;
  readonly embed: ConcurrencyByPriority;
}

/**
 * Executions at once that the queues of ingestion and embedding may hold: what the stage says, or else what its connections admit, its database
 * can write, and its model can feed. More would wait in functions, which are paid by the time, for what fewer can do as fast.
 */
export function workConcurrency(stage: StageSettings): WorkConcurrency {
  const { ingestConcurrency, embedConcurrency } = stage.ingestion;
  const left = connectionsAdmitted(stage) / connectionsEach(stage) - environmentsBesideWork(stage);
  const admitted = left * shareOfConnections;
  const written = documentsWritten(stage);
  const fed = Math.min(written, documentsFed(withUsualTier(stage.models)));
  return {
    ingest: ingestConcurrency ?? byPriority(Math.min(admitted, written * assumed.ingestFunctionSeconds)),
    embed: embedConcurrency ?? byPriority(Math.min(admitted, fed * requestSeconds)),
  };
}

export const totalOf = ({ critical, default: usual, low }: ConcurrencyByPriority): number => critical + usual + low;

/**
 * Executions that the stage's own limits of the model can keep busy, if each request holds one document only; infinite without limits. Never
 * fewer than the least that event sources allow.
 */
export function executionsFed(models: ModelSettings): number {
  const least = leastConcurrency * Object.keys(shares).length;
  return Math.max(least, Math.floor(documentsFed(models) * requestSeconds));
}

/** Documents a second that the writer can take when it has grown as far as it may, and is as busy as it may be. */
function documentsWritten({ database }: StageSettings): number {
  return (database.capacity.maximum * limits.coresOfUnit * limits.busyShare) / measured.documentDatabaseSeconds;
}

/** Documents a second, one a request: where requests hold more, fewer executions use up the same tokens. */
function documentsFed({ requestsPerMinute, tokensPerMinute }: ModelSettings): number {
  const requests = requestsPerMinute ?? Number.POSITIVE_INFINITY;
  const tokens = tokensPerMinute ?? Number.POSITIVE_INFINITY;
  return Math.min(requests, tokens / assumed.tokensOfDocument) / secondsOfMinute;
}

/** A stage that names no limits has some nevertheless. */
function withUsualTier(models: ModelSettings): ModelSettings {
  return {
    ...models,
    requestsPerMinute: models.requestsPerMinute ?? limits.modelRequestsPerMinute,
    tokensPerMinute: models.tokensPerMinute ?? limits.modelTokensPerMinute,
  };
}

function byPriority(total: number): ConcurrencyByPriority {
  const part = (share: number) => Math.min(mostConcurrency, Math.max(leastConcurrency, Math.floor(total * share)));
  return { critical: part(shares.critical), default: part(shares.default), low: part(shares.low) };
}
