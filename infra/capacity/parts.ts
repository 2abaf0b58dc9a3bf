import type { StageSettings } from '../stage-settings.ts';
import { totalOf, workConcurrency } from '../work-concurrency.ts';
import { assumed, limits, measured } from './measured.ts';

/** The mean load over the simulated time. */
export interface Load {
  readonly name: string;
  readonly chunks: number;
  readonly searchesPerSecond: number;
  readonly answersPerSecond: number;
  readonly documentsPerSecond: number;
}

/** Something of which there is only so much. */
export interface Part {
  readonly name: string;
  /** How much of it the load uses, in its own unit, and how much there is. */
  readonly used: number;
  readonly available: number;
  readonly unit: string;
  /** What to do when it is used up. */
  readonly change: string;
}

/**
 * Every part that can be used up, with what a load takes of it. A part is used up when `used` reaches `available`. Connections are none: the
 * synthesis stops where a stage's functions could open more than there are.
 */
export function partsOf(stage: StageSettings, load: Load): readonly Part[] {
  return [...functionParts(stage, load), ...databaseParts(stage, load), ...modelParts(stage, load)];
}

/** The part that is used up first as the load grows, and by which factor it may grow until then. */
export function firstUsedUp(parts: readonly Part[]): { readonly part: Part; readonly headroom: number } {
  const [part] = parts.toSorted((one, other) => other.used / other.available - one.used / one.available);
  if (part === undefined) throw new Error('There is no part.');
  return { part, headroom: part.available / part.used };
}

function functionParts(stage: StageSettings, load: Load): Part[] {
  const { api } = stage;
  const { ingest, embed } = workConcurrency(stage);
  const requests = load.searchesPerSecond + load.answersPerSecond + load.documentsPerSecond;
  const environments = {
    buffered: load.searchesPerSecond * measured.searchFunctionSeconds,
    streaming: load.answersPerSecond * assumed.answerFunctionSeconds,
    ingest: load.documentsPerSecond * assumed.ingestFunctionSeconds,
    embed: load.documentsPerSecond * assumed.embedFunctionSeconds,
  };
  const part = (name: string, used: number, available: number, change: string): Part => ({
    name,
    used,
    available,
    unit: 'environments',
    change,
  });
  return [
    {
      name: 'API Gateway',
      used: requests,
      available: Math.min(api.requestsPerSecond, limits.gatewayRequestsPerSecond),
      unit: 'requests/s',
      change: '`api.requestsPerSecond`; above 10,000 a quota of the account',
    },
    part(
      'searching functions',
      environments.buffered,
      api.reservedConcurrency.buffered,
      '`api.reservedConcurrency.buffered`',
    ),
    part(
      'answering functions',
      environments.streaming,
      api.reservedConcurrency.streaming,
      '`api.reservedConcurrency.streaming`',
    ),
    part('ingest workers', environments.ingest, totalOf(ingest), '`ingestion.ingestConcurrency`'),
    part('embed workers', environments.embed, totalOf(embed), '`ingestion.embedConcurrency`'),
    part(
      'environments of the account',
      Object.values(environments).reduce((sum, each) => sum + each, 0),
      limits.lambdaEnvironments,
      'a quota of the account (Lambda, concurrent executions)',
    ),
  ];
}

function databaseParts({ database }: StageSettings, load: Load): Part[] {
  const { capacity, readers } = database;
  const cores = capacity.maximum * limits.coresOfUnit * limits.busyShare;
  const writing = load.documentsPerSecond * measured.documentDatabaseSeconds;
  const searching =
    load.searchesPerSecond * measured.searchDatabaseSeconds + load.answersPerSecond * assumed.answerDatabaseSeconds;
  // Searches go to the readers where there are some, after a look at the writer.
  const looking = (load.searchesPerSecond + load.answersPerSecond) * measured.lookDatabaseSeconds;
  const onWriter = writing + (readers === 0 ? searching : looking);
  const memory = capacity.maximum * limits.gibibytesOfUnit * limits.searchShareOfMemory;
  return [
    { name: 'writer, cores', used: onWriter, available: cores, unit: 'cores', change: '`database.capacity.maximum`' },
    ...(readers === 0
      ? []
      : [
          {
            name: 'readers, cores',
            used: searching,
            available: cores * readers,
            unit: 'cores',
            change: '`database.readers`, then `database.capacity.maximum`',
          },
        ]),
    {
      name: 'memory for vectors',
      used: graphGigabytes(load.chunks),
      available: memory,
      unit: 'GiB',
      change: '`database.capacity.maximum`; workspaces beyond 256 units belong on clusters of their own',
    },
  ];
}

/** What must fit in memory: the graph, over the vectors while there are few, over their signs beyond that. */
function graphGigabytes(chunks: number): number {
  const { mostChunksOnVectors, graphGigabytesOfChunk, signGigabytesOfChunk } = measured;
  return chunks * (chunks <= mostChunksOnVectors ? graphGigabytesOfChunk : signGigabytesOfChunk);
}

function modelParts({ models }: StageSettings, load: Load): Part[] {
  const questions = (load.searchesPerSecond + load.answersPerSecond) * (1 - assumed.questionCacheShare);
  const requests = questions + load.documentsPerSecond / assumed.documentsOfRequest;
  const tokens = questions * assumed.tokensOfQuestion + load.documentsPerSecond * assumed.tokensOfDocument;
  const minute = 60;
  return [
    {
      name: 'embedding model, requests',
      used: requests * minute,
      available: models.requestsPerMinute ?? limits.modelRequestsPerMinute,
      unit: 'requests/min',
      change: 'a higher tier of the provider, a server of your own (`models.baseUrl`), or a longer `cache.questionTtl`',
    },
    {
      name: 'embedding model, tokens',
      used: tokens * minute,
      available: models.tokensPerMinute ?? limits.modelTokensPerMinute,
      unit: 'tokens/min',
      change: 'a higher tier of the provider; bulk loads through the batch API',
    },
    {
      name: 'chat model',
      used: load.answersPerSecond * minute,
      available: limits.chatRequestsPerMinute,
      unit: 'requests/min',
      change: 'a higher tier of the provider',
    },
  ];
}
