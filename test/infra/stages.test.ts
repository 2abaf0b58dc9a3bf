import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defineStage } from '../../infra/define-stage.ts';
import { requireRegion } from '../../infra/require-region.ts';
import { findStage } from '../../infra/stage-files.ts';
import type { DomainSettings, OperationSettings, StageSettings } from '../../infra/stage-settings.ts';
import { local, production, small, stageNamed, stageNames } from '../../infra/stages.ts';

const { database, cache, models, ingestion, search, api, connections, operations, network } = small;
const capacity = (minimum: number, maximum: number) => ({ database: { ...database, capacity: { minimum, maximum } } });

const existing = {
  vpcId: 'vpc-0123456789abcdef0',
  addresses: '10.1.0.0/16',
  zones: ['eu-central-1a', 'eu-central-1b'],
  functionSubnets: ['subnet-0000000000000000a', 'subnet-0000000000000000b'],
  dataSubnets: ['subnet-0000000000000001a', 'subnet-0000000000000001b'],
};
const inNetwork = (change: Partial<typeof existing>): Partial<StageSettings> => ({
  network: { ...network, egress: 'existing', existing: { ...existing, ...change } },
});
const domain = {
  name: 'ask.example.com',
  certificateArn: 'arn:aws:acm:eu-central-1:123456789012:certificate/0a-1b',
  hostedZone: null,
};
const underName = (change: Partial<DomainSettings>): Partial<StageSettings> => ({
  api: { ...api, domain: { ...domain, ...change } },
});
const inAccount = (change: Partial<OperationSettings>): Partial<StageSettings> => ({
  operations: { ...operations, ...change },
});

/** Mistakes about the account, the region, the network and the name that a stage lives under. */
const elsewhere: readonly [string, Partial<StageSettings>][] = [
  ['must not end in -drill', { name: 'small-drill' }],
  ['network.egress', { network: { ...network, egress: 'existing' } }],
  ['network.egress', { network: { ...network, existing } }],
  ['vpcId', inNetwork({ vpcId: 'my-vpc' })],
  ['addresses', inNetwork({ addresses: '10.1.0.0' })],
  ['zones', inNetwork({ zones: ['eu-central-1a'] })],
  ['zones', inNetwork({ zones: ['eu-central-1a', 'eu-central-1a'] })],
  ['subnets like', inNetwork({ dataSubnets: ['a', 'b'] })],
  ['one private subnet in each of the 2 zones', inNetwork({ functionSubnets: [] })],
  ['one subnet without a way out', inNetwork({ dataSubnets: ['subnet-0000000000000001a'] })],
  ['each subnet once', inNetwork({ dataSubnets: existing.functionSubnets })],
  ['api.domain.name', underName({ name: 'https://ask.example.com' })],
  ['api.domain.name', underName({ name: 'Ask.example.com' })],
  ['api.domain.certificateArn', underName({ certificateArn: 'abc' })],
  ['is not in example.org', underName({ hostedZone: { id: 'Z1', name: 'example.org' } })],
  ['api.tls', { api: { ...api, tls: '1.1' as '1.2' } }],
  ['operations.region', inAccount({ region: 'mars-north-1' })],
  ['2 availability zones', { ...inAccount({ region: 'us-west-1' }), network: { ...network, availabilityZones: 3 } }],
  ['operations.permissionsBoundary', inAccount({ permissionsBoundary: 'boundary' })],
  ['operations.bootstrapQualifier', inAccount({ bootstrapQualifier: 'longer-than-ten' })],
  ['operations.budget', inAccount({ budget: { monthlyDollars: 0, of: 'account' } })],
  ['needs operations.region', inAccount({ backupCopies: { region: 'eu-west-1', days: 35 } })],
  ['must differ', inAccount({ region: 'eu-west-1', backupCopies: { region: 'eu-west-1', days: 35 } })],
  ['backupCopies.days', inAccount({ region: 'eu-west-1', backupCopies: { region: 'eu-central-1', days: 0 } })],
  [
    'backupCopies.vault',
    inAccount({ region: 'eu-west-1', backupCopies: { region: 'eu-central-1', days: 35, vault: 'a vault' } }),
  ],
  ['backupCopies.region', inAccount({ region: 'eu-west-1', backupCopies: { region: 'mars-north-1', days: 35 } })],
  ['gpt-imaginary', { models: { ...models, chatModel: 'gpt-imaginary' } }],
  ['embedding-imaginary', { models: { ...models, embedding: { model: 'embedding-imaginary', dimensions: 8 } } }],
];

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
    'api.provisionedConcurrency must be 0 to half',
    {
      ...inAccount({ rollout: 'canary' }),
      api: { ...api, provisionedConcurrency: { buffered: 11, streaming: 0 } },
    },
  ],
  ['operations.rollout must be "canary"', { api: { ...api, provisionedConcurrency: { buffered: 1, streaming: 0 } } }],
  [
    'lets 10 executions ask the model at once and models.tokensPerMinute and models.requestsPerMinute keep 8 of them busy',
    {
      ingestion: { ...ingestion, embedConcurrency: { critical: 4, default: 4, low: 2 } },
      models: { ...models, requestsPerMinute: 400 },
    },
  ],
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
  [
    'connections.statements.mostCost',
    { connections: { ...connections, statements: { ...connections.statements, mostCost: 0 } } },
  ],
  [
    'connections.statements: runSeconds',
    { connections: { ...connections, statements: { ...connections.statements, runSeconds: 26 } } },
  ],
  ['connections.allowedNetworks', { connections: { ...connections, allowedNetworks: ['10.0.0.0'] } }],
  ['operations.alarmEmail', { operations: { ...operations, alarmEmail: 'nobody' } }],
  ['operations.functionTimeoutCap', { operations: { ...operations, functionTimeoutCap: 901 } }],
  [
    'rateLimits',
    { rateLimits: { ...small.rateLimits, ask: { subject: { requests: 0, seconds: 60 }, workspace: null } } },
  ],
  ['quotas', { quotas: { documents: -1 } }],
  ...elsewhere,
];

describe('stages', () => {
  it.each(mistakes)('refuses a wrong setting in one sentence: %s', (words, change) => {
    const attempt = () => defineStage({ ...small, ...change });
    expect(attempt).toThrow(words);
    expect(attempt).toThrow(/^Stage "[^"]+": [^\n]+\.$/);
  });

  it('accepts a network, a name, a region, models and copies of somebody’s own', () => {
    const stage = {
      ...small,
      ...inNetwork({}),
      ...underName({ hostedZone: { id: 'Z1', name: 'example.com' } }),
      ...inAccount({
        region: 'eu-central-1',
        permissionsBoundary: 'arn:aws:iam::123456789012:policy/teams/boundary',
        bootstrapQualifier: 'acme',
        backupCopies: { region: 'eu-west-1', days: 90 },
      }),
      models: { ...models, baseUrl: 'https://bedrock.example.com/openai/v1', chatModel: 'a-model-of-theirs' },
    };
    expect(defineStage(stage)).toBe(stage);
    expect(
      defineStage({ ...stage, database: { ...database, capacity: { minimum: 1, maximum: 2 }, readers: 15 } }).name,
    ).toBe('small');
  });

  it.each(stageNames)('accepts %s under its own name', (name) => {
    expect(stageNamed(name).name).toBe(name);
    expect(defineStage(stageNamed(name))).toBe(stageNamed(name));
  });

  it('is deployed to its own region, and to none that lacks a service', () => {
    const bound = { ...small, ...inAccount({ region: 'eu-central-1' }) };
    expect(() => requireRegion(bound, 'eu-central-1')).not.toThrow();
    expect(() => requireRegion(small, 'us-west-1')).not.toThrow();
    expect(() => requireRegion(bound, 'eu-west-1')).toThrow('set AWS_REGION=eu-central-1.');
    expect(() => requireRegion(small, 'mars-north-1')).toThrow('must be a region that has every service');
    expect(() => requireRegion(production, 'us-west-1')).toThrow('network.availabilityZones must be 2.');
  });

  it('is found in a file of one’s own', async () => {
    expect(await findStage('small')).toBe(small);
    expect(await findStage('example')).toMatchObject({ name: 'example', database: { capacity: { maximum: 16 } } });
  });

  it.each([
    ['staging area', 'cannot be the name of a stage'],
    ['../infra/stages', 'cannot be the name of a stage'],
    ['staging', 'or write its settings to stages/staging.ts.'],
    ['nothing', 'must export by default'],
    ['other', 'whose name is "other"'],
    ['wrong', 'database.readers must be 0 to 15.'],
  ])('is not found: %s', async (name, words) => {
    const directory = mkdtempSync(join(tmpdir(), 'dbrag-stages-'));
    try {
      const wrong = { ...production, name: 'wrong', database: { ...production.database, readers: 16 } };
      writeFileSync(join(directory, 'nothing.ts'), 'export const settings = {};');
      writeFileSync(join(directory, 'other.ts'), `export default ${JSON.stringify(small)};`);
      writeFileSync(join(directory, 'wrong.ts'), `export default ${JSON.stringify(wrong)};`);
      await expect(findStage(name, directory)).rejects.toThrow(words);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
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
