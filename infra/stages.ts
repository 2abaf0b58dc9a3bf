import { defineStage } from './define-stage.ts';
import type { StageSettings } from './stage-settings.ts';

/** For a team that tries dbrag out: everything sleeps when nobody asks, and the idle bill stays below $35 a month. */
export const small = defineStage({
  name: 'small',
  network: {
    availabilityZones: 2,
    egress: 'nat-instance',
    existing: null,
    interfaceEndpoints: false,
    loopback: false,
  },
  database: {
    engineVersion: '17.9',
    port: 5433,
    capacity: { minimum: 0, maximum: 2 },
    autoPauseAfter: 300,
    readers: 0,
    proxy: false,
    performanceInsights: false,
    backupDays: 7,
    partitions: 16,
  },
  cache: {
    enabled: true,
    engine: 'valkey',
    mode: 'cluster',
    login: 'password',
    questionTtl: 86_400,
    chunkTtl: 900,
    metadataTtl: 3_600,
    queryTtl: 300,
    maxGigabytes: 1,
  },
  models: {
    baseUrl: null,
    embedding: { model: 'text-embedding-3-small', dimensions: 1536 },
    fallbackEmbeddingModel: null,
    chatModel: 'gpt-5.4-mini',
    chatModelChoices: ['gpt-5.4', 'gpt-5.4-nano'],
    fallbackEmbeddingDimensions: null,
    tokensPerMinute: null,
    requestsPerMinute: null,
  },
  ingestion: {
    maximumFileBytes: 100_000_000,
    versionGraceSeconds: 3_600,
    ingestConcurrency: null,
    embedConcurrency: null,
  },
  search: { semanticWeight: 1, keywordWeight: 1 },
  api: {
    corsOrigins: [],
    requestsPerSecond: 100,
    burst: 200,
    reservedConcurrency: { buffered: 20, streaming: 10 },
    provisionedConcurrency: { buffered: 0, streaming: 0 },
    firewall: false,
    domain: null,
    tls: '1.3',
    identityProviders: [],
  },
  connections: {
    allowedNetworks: [],
    publicConnectionPorts: [5432],
    iamDatabaseUsers: [],
    catalogConcurrency: 4,
    statements: { mostCost: 5_000_000, runSeconds: 20, answerSeconds: 12, planSeconds: 5 },
  },
  operations: {
    alarmEmail: null,
    objectives: false,
    logRetentionDays: 30,
    dataOnRemoval: 'keep',
    logsOnRemoval: 'destroy',
    terminationProtection: false,
    rollout: 'all-at-once',
    functionTimeoutCap: null,
    events: true,
    tags: { application: 'dbrag' },
    region: null,
    permissionsBoundary: null,
    bootstrapQualifier: null,
    budget: { monthlyDollars: 175, of: 'account' },
    backupCopies: null,
  },
  // What the gateway lets through for everybody in a second, a caller may use up alone in all classes but the one that costs money.
  rateLimits: {
    ask: { subject: { requests: 60, seconds: 60 }, workspace: { requests: 1_000, seconds: 3_600 } },
    read: { subject: { requests: 6_000, seconds: 60 }, workspace: { requests: 360_000, seconds: 3_600 } },
    write: { subject: { requests: 6_000, seconds: 60 }, workspace: { requests: 360_000, seconds: 3_600 } },
    poll: { subject: { requests: 6_000, seconds: 60 }, workspace: { requests: 360_000, seconds: 3_600 } },
  },
  quotas: { collections: 10, documents: 100, stored_bytes: 10_000_000_000, chat_tokens: 100_000 },
} satisfies StageSettings);

/** For steady use by one company: the database never sleeps and has a reader in another zone. */
export const standard = defineStage({
  ...small,
  name: 'standard',
  network: { ...small.network, egress: 'nat-gateway-per-zone' },
  database: {
    ...small.database,
    capacity: { minimum: 0.5, maximum: 8 },
    readers: 1,
    performanceInsights: true,
    backupDays: 14,
  },
  api: { ...small.api, requestsPerSecond: 400, burst: 800, reservedConcurrency: { buffered: 50, streaming: 25 } },
  operations: {
    ...small.operations,
    objectives: true,
    logRetentionDays: 90,
    terminationProtection: true,
    budget: { monthlyDollars: 400, of: 'account' },
  },
  quotas: null,
} satisfies StageSettings);

/** For many tenants and auditors: three zones, private endpoints, a connection proxy, a web application firewall. */
export const production = defineStage({
  ...standard,
  name: 'production',
  network: { ...standard.network, availabilityZones: 3, interfaceEndpoints: true },
  database: {
    ...standard.database,
    capacity: { minimum: 2, maximum: 64 },
    proxy: true,
    backupDays: 35,
  },
  cache: { ...standard.cache, maxGigabytes: 10 },
  api: {
    ...standard.api,
    requestsPerSecond: 2_500,
    burst: 5_000,
    reservedConcurrency: { buffered: 200, streaming: 100 },
    firewall: true,
  },
  operations: {
    ...standard.operations,
    logRetentionDays: 365,
    logsOnRemoval: 'keep',
    rollout: 'canary',
    budget: { monthlyDollars: 2_000, of: 'account' },
  },
} satisfies StageSettings);

/** What `npm start` synthesises: the small stage on one machine, where connections stay on loopback. */
export const local = defineStage({
  ...small,
  name: 'local',
  network: { ...small.network, loopback: true },
  cache: { ...small.cache, mode: 'single', login: 'none' },
  // As measured on two cores, which no unit of capacity says anything about.
  ingestion: {
    ...small.ingestion,
    ingestConcurrency: { critical: 4, default: 4, low: 2 },
    embedConcurrency: { critical: 4, default: 4, low: 2 },
  },
  // The same work for every request, and numbers that only a broken program meets: on one machine there is nobody to share with.
  rateLimits: {
    ask: { subject: { requests: 6_000, seconds: 60 }, workspace: { requests: 100_000, seconds: 3_600 } },
    read: { subject: { requests: 600_000, seconds: 60 }, workspace: { requests: 36_000_000, seconds: 3_600 } },
    write: { subject: { requests: 600_000, seconds: 60 }, workspace: { requests: 36_000_000, seconds: 3_600 } },
    poll: { subject: { requests: 600_000, seconds: 60 }, workspace: { requests: 36_000_000, seconds: 3_600 } },
  },
  quotas: null,
} satisfies StageSettings);

/** The local stage with time-outs short enough for tests that let functions run into them. */
export const test = defineStage({
  ...local,
  name: 'test',
  operations: { ...local.operations, functionTimeoutCap: 5 },
} satisfies StageSettings);

const stages: Readonly<Record<string, StageSettings>> = { small, standard, production, local, test };

/** Names of the stages that can be synthesised. */
export const stageNames: readonly string[] = Object.keys(stages);

/** @throws Error naming the stages that exist */
export function stageNamed(name: string): StageSettings {
  const stage = Object.hasOwn(stages, name) ? stages[name] : undefined;
  if (stage === undefined) throw new Error(`There is no stage "${name}"; choose one of ${stageNames.join(', ')}.`);
  return stage;
}
