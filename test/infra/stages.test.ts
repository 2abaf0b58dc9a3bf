import { describe, expect, it } from 'vitest';
import { defineStage } from '../../infra/define-stage.ts';
import type { StageSettings } from '../../infra/stage-settings.ts';
import { local, production, small, stageNamed, stageNames } from '../../infra/stages.ts';

const { database, cache, models, ingestion, search, api, connections, operations, network } = small;
const capacity = (minimum: number, maximum: number) => ({ database: { ...database, capacity: { minimum, maximum } } });

/** What is changed in the small stage, and the words that the sentence must hold. */
const mistakes: readonly [string, Partial<StageSettings>][] = [
  ['name must be', { name: 'Small Stage' }],
  ['name must be', { name: 'a-name-that-is-much-too-long' }],
  ['steps of 0.5', capacity(0.3, 2)],
  ['between 0 and 256', capacity(-1, 2)],
  ['between 0 and 256', capacity(0, 512)],
  ['must not exceed', capacity(8, 4)],
  ['database.proxy', { database: { ...database, proxy: true } }],
  ['database.readers would', { database: { ...database, readers: 1 } }],
  ['database.autoPauseAfter', { database: { ...database, autoPauseAfter: 60 } }],
  ['database.readers must', { database: { ...database, readers: 16, capacity: { minimum: 1, maximum: 2 } } }],
  ['database.port', { database: { ...database, port: 5432 } }],
  ['database.port', { database: { ...database, port: 80 } }],
  ['database.backupDays', { database: { ...database, backupDays: 0 } }],
  ['database.partitions', { database: { ...database, partitions: 0 } }],
  ['cache.login', { cache: { ...cache, login: 'none' } }],
  ['cache.mode', { cache: { ...cache, mode: 'single' } }],
  ['time to live', { cache: { ...cache, queryTtl: 0 } }],
  ['cache.maxGigabytes', { cache: { ...cache, maxGigabytes: 0 } }],
  ['models.embedding.dimensions', { models: { ...models, embedding: { model: 'm', dimensions: 4_001 } } }],
  ['models.embedding.model', { models: { ...models, embedding: { model: '', dimensions: 8 } } }],
  ['models.fallbackEmbeddingModel', { models: { ...models, fallbackEmbeddingModel: models.embedding.model } }],
  ['models.fallbackEmbeddingDimensions', { models: { ...models, fallbackEmbeddingDimensions: 3_072 } }],
  ['models.chatModelChoices', { models: { ...models, chatModelChoices: ['a-model-without-a-price'] } }],
  ['models.tokensPerMinute', { models: { ...models, tokensPerMinute: 0 } }],
  ['models.baseUrl', { models: { ...models, baseUrl: 'http://models.example.com' } }],
  ['ingestion.maximumFileBytes', { ingestion: { ...ingestion, maximumFileBytes: 0 } }],
  ['ingestion.versionGraceSeconds', { ingestion: { ...ingestion, versionGraceSeconds: -1 } }],
  [
    'ingestion.ingestConcurrency',
    { ingestion: { ...ingestion, ingestConcurrency: { critical: 4, default: 1, low: 2 } } },
  ],
  [
    'ingestion.embedConcurrency',
    { ingestion: { ...ingestion, embedConcurrency: { critical: 4, default: 2, low: 1_001 } } },
  ],
  ['search.semanticWeight', { search: { ...search, keywordWeight: -1 } }],
  ['search.semanticWeight', { search: { semanticWeight: 0, keywordWeight: 0 } }],
  ['search.semanticWeight', { search: { ...search, semanticWeight: Number.NaN } }],
  ['api.corsOrigins', { api: { ...api, corsOrigins: ['*'] } }],
  ['api.corsOrigins', { api: { ...api, corsOrigins: ['https://app.example.com/path'] } }],
  ['api.burst', { api: { ...api, burst: 1 } }],
  ['api.reservedConcurrency', { api: { ...api, reservedConcurrency: { buffered: 0, streaming: 1 } } }],
  [
    'api.identityProviders',
    { api: { ...api, identityProviders: [{ issuer: 'http://id.example.com', audience: 'a' }] } },
  ],
  ...[
    { issuer: 'https://id.example.com', audience: '' },
    { issuer: 'https://id.example.com:8443', audience: 'a' },
    { issuer: 'http://127.0.0.1:8080', audience: 'a' },
    { issuer: 'https://id.example.com', audience: 'a', keysUrl: 'http://id.example.com/keys' },
    { issuer: 'https://id.example.com', audience: 'a', algorithms: ['HS256'] },
    { issuer: 'https://id.example.com', audience: 'a', algorithms: ['none'] },
    { issuer: 'https://id.example.com', audience: 'a', algorithms: [] },
    { issuer: 'https://id.example.com', audience: 'a', claims: { workspace: '', role: 'r' } },
    { issuer: 'https://id.example.com', audience: 'a', strongContexts: [] },
  ].map((provider): [string, Partial<StageSettings>] => [
    'api.identityProviders',
    { api: { ...api, identityProviders: [provider] } },
  ]),
  [
    'api.identityProviders',
    {
      api: {
        ...api,
        identityProviders: ['a', 'b'].map((audience) => ({ issuer: 'https://id.example.com', audience })),
      },
    },
  ],
  ['connections.allowedNetworks', { connections: { ...connections, allowedNetworks: ['10.0.0.0'] } }],
  ['operations.alarmEmail', { operations: { ...operations, alarmEmail: 'nobody' } }],
  ['operations.functionTimeoutCap', { operations: { ...operations, functionTimeoutCap: 901 } }],
  [
    'rateLimits',
    { rateLimits: { ...small.rateLimits, ask: { subject: { requests: 0, seconds: 60 }, workspace: null } } },
  ],
  ['quotas', { quotas: { documents: -1 } }],
];

describe('stages', () => {
  it.each(mistakes)('refuses a wrong setting in one sentence: %s', (words, change) => {
    const attempt = () => defineStage({ ...small, ...change });
    expect(attempt).toThrow(words);
    expect(attempt).toThrow(/^Stage "[^"]+": [^\n]+\.$/);
  });

  it.each(stageNames)('accepts %s under its own name', (name) => {
    expect(stageNamed(name).name).toBe(name);
    expect(defineStage(stageNamed(name))).toBe(stageNamed(name));
  });

  it('names the stages that exist when asked for another', () => {
    expect(() => stageNamed('staging')).toThrow('choose one of small, standard, production, local, test');
    expect(() => stageNamed('constructor')).toThrow('There is no stage');
  });

  it('allows on loopback what it refuses elsewhere', () => {
    expect(defineStage({ ...local, models: { ...models, baseUrl: 'http://127.0.0.1:9999' } }).network.loopback).toBe(
      true,
    );
    expect(network.loopback).toBe(false);
    expect(production.network.loopback).toBe(false);
  });
});
