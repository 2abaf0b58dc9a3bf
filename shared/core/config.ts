import type {
  CacheConfig,
  Config,
  DatabaseConfig,
  MigrationConfig,
  ModelBudget,
  RateLimitConfig,
  RateLimitOfClass,
  SearchConfig,
  StatementConfig,
} from './config-shape.ts';
import { environmentNames as names } from './env-names.ts';
import type { IdentityProvider } from './identity-provider.ts';
import { parseTrace, type TraceContext } from './trace-context.ts';

/** This is the only file that reads the environment; everything else receives typed settings. */
type Environment = Readonly<Record<string, string | undefined>>;

/** @throws Error naming the variable, when one that everything needs is missing or no number */
export function readConfig(environment: Environment = process.env): Config {
  return {
    stage: required(environment, names.stage),
    database: readDatabaseConfig(environment),
    cache: readCacheConfig(environment),
    bucketName: environment[names.bucketName] ?? '',
    backupDays: integer(environment, names.backupDays, 35),
    audit: {
      bucketName: environment[names.auditBucketName] || undefined,
      keyArn: environment[names.auditKey] || undefined,
    },
    queueUrls: {
      uploads: environment[names.queueUrlUploads],
      'ingest-critical': environment[names.queueUrlIngestCritical],
      'ingest-default': environment[names.queueUrlIngestDefault],
      'ingest-low': environment[names.queueUrlIngestLow],
      'embed-critical': environment[names.queueUrlEmbedCritical],
      'embed-default': environment[names.queueUrlEmbedDefault],
      'embed-low': environment[names.queueUrlEmbedLow],
      maintenance: environment[names.queueUrlMaintenance],
      catalog: environment[names.queueUrlCatalog],
    },
    connections: {
      functionName: environment[names.queryDatabaseFunction] || undefined,
      secretPrefix: environment[names.connectionSecretPrefix] || undefined,
      secretKeyArn: environment[names.connectionSecretKey] || undefined,
      statements: {
        mostCost: 5_000_000,
        runSeconds: 20,
        answerSeconds: 12,
        planSeconds: 5,
        ...json<Partial<StatementConfig>>(environment, names.statementSettings, {}),
      },
    },
    eventBusName: environment[names.eventBusName] || undefined,
    models: {
      secretArn: environment[names.modelSecret],
      baseUrl: environment[names.modelBaseUrl] || undefined,
      embeddingModel: environment[names.embeddingModel] ?? 'text-embedding-3-small',
      embeddingDimensions: integer(environment, names.embeddingDimensions, 1536),
      chatModel: environment[names.chatModel] || 'gpt-5.4-mini',
      chatModelChoices: json<string[]>(environment, names.chatModelChoices, []),
      fallbackModel: environment[names.embeddingFallbackModel] || null,
      fallbackDimensions: integer(
        environment,
        names.embeddingFallbackDimensions,
        integer(environment, names.embeddingDimensions, 1536),
      ),
      budget: readBudget(environment),
    },
    search: {
      semanticWeight: 1,
      keywordWeight: 1,
      ...json<Partial<SearchConfig>>(environment, names.searchSettings, {}),
    },
    operatorSecretArn: environment[names.operatorSecret],
    maximumFileBytes: integer(environment, names.maximumFileBytes, 100_000_000),
    versionGraceSeconds: integer(environment, names.versionGraceSeconds, 3_600),
    corsOrigins: json<string[]>(environment, names.corsOrigins, []),
    rateLimits: readRateLimits(environment),
    openStreams: integer(environment, names.openStreams, 4),
    identityProviders: json<IdentityProvider[]>(environment, names.identityProviders, []),
    quotas: json<Record<string, number> | null>(environment, names.quotas, null),
  };
}

/** @throws Error naming the variable that is missing */
export function readMigrationConfig(environment: Environment = process.env): MigrationConfig {
  return {
    database: readDatabaseConfig(environment),
    ownerSecretArn: required(environment, names.databaseOwnerSecret),
    applicationSecretArn: required(environment, names.databaseApplicationSecret),
    maintainerSecretArn: required(environment, names.databaseMaintainerSecret),
    partitions: integer(environment, names.databasePartitions, 16),
    embeddingDimensions: integer(environment, names.embeddingDimensions, 1536),
    directory: `${required(environment, 'LAMBDA_TASK_ROOT')}/migrations`,
  };
}

/** Where customers' databases may stand. @throws Error when the variable is missing: without it nothing is allowed */
export function readNetworkRules(environment: Environment = process.env): {
  readonly allowedNetworks: readonly string[];
  readonly publicPorts: readonly number[];
  readonly loopback: boolean;
} {
  required(environment, names.networkRules);
  return {
    allowedNetworks: [],
    publicPorts: [],
    loopback: false,
    ...json<object>(environment, names.networkRules, {}),
  };
}

/** Where the function's bundle was unpacked; files that ship beside the code are read from there. */
export function taskRoot(environment: Environment = process.env): string {
  return required(environment, 'LAMBDA_TASK_ROOT');
}

/** Where a test steers failpoints from, and which handler runs here. Only the bundle of the `test` stage asks. */
export function readFailpointConfig(environment: Environment = process.env): {
  readonly socket: string | undefined;
  readonly handler: string;
} {
  return { socket: environment.FAILPOINT_SOCKET, handler: environment._HANDLER ?? '' };
}

function readDatabaseConfig(environment: Environment): DatabaseConfig {
  const host = required(environment, names.databaseHost);
  const tls = environment[names.databaseTls] ?? 'verify';
  if (tls !== 'verify' && tls !== 'off') throw new Error(`${names.databaseTls} must be "verify" or "off".`);
  return {
    host,
    readerHost: environment[names.databaseReaderHost] || host,
    port: integer(environment, names.databasePort, 5432),
    name: required(environment, names.databaseName),
    tls,
    preparedStatements: environment[names.databasePreparedStatements] === 'true',
    secretArn: environment[names.databaseSecret],
  };
}

function readCacheConfig(environment: Environment): CacheConfig {
  const settings = json<Partial<CacheConfig>>(environment, names.cacheSettings, {});
  return {
    url: environment[names.cacheUrl] || undefined,
    secretArn: environment[names.cacheSecret],
    questionTtl: settings.questionTtl ?? 86_400,
    chunkTtl: settings.chunkTtl ?? 900,
    metadataTtl: settings.metadataTtl ?? 3_600,
    queryTtl: settings.queryTtl ?? 300,
  };
}

function readBudget(environment: Environment): ModelBudget {
  const settings = json<Partial<ModelBudget>>(environment, names.embeddingBudget, {});
  return {
    tokensPerMinute: settings.tokensPerMinute ?? null,
    requestsPerMinute: settings.requestsPerMinute ?? null,
    processes: settings.processes ?? 1,
  };
}

function readRateLimits(environment: Environment): RateLimitConfig {
  const settings = json<Partial<RateLimitConfig>>(environment, names.rateLimits, {});
  const none: RateLimitOfClass = { subject: null, workspace: null };
  return { ask: none, read: none, write: none, poll: none, ...settings };
}

function required(environment: Environment, name: string): string {
  const value = environment[name];
  if (!value) throw new Error(`The environment variable ${name} is not set.`);
  return value;
}

function integer(environment: Environment, name: string, fallback: number): number {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`The environment variable ${name} is no whole number: ${text}`);
  return value;
}

function json<T>(environment: Environment, name: string, fallback: T): T {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new Error(`The environment variable ${name} is no JSON.`, { cause });
  }
}

export interface TelemetryConfig {
  readonly service: string;
  readonly metricsNamespace: string;
  /** Whether lines about successful operations are written. */
  readonly writesInfo: boolean;
  readonly writesDebug: boolean;
}

const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL', 'SILENT'];

/** Of every function, also of those that have no other settings. */
export function readTelemetryConfig(environment: Environment = process.env): TelemetryConfig {
  const level = levels.indexOf((environment[names.logLevel] ?? 'INFO').toUpperCase());
  return {
    service: environment[names.service] ?? 'dbrag',
    metricsNamespace: environment[names.metricsNamespace] ?? 'dbrag',
    writesInfo: level <= levels.indexOf('INFO'),
    writesDebug: level >= 0 && level <= levels.indexOf('DEBUG'),
  };
}

const traceVariable = '_X_AMZN_TRACE_ID';

/** The trace of the current invocation, which Lambda sets in the environment and nowhere else. */
export function currentTrace(environment: Environment = process.env): TraceContext | undefined {
  return parseTrace(environment[traceVariable]);
}

/** Where X-Ray's daemon listens for segments by UDP; null where there is none. */
export function readTraceDaemon(environment: Environment = process.env): { host: string; port: number } | null {
  // biome-ignore lint/complexity/useLiteralKeys: the environment is an index signature
  const text = environment['AWS_XRAY_DAEMON_ADDRESS'] ?? '';
  // "host:port", or "tcp:host:port udp:host:port".
  const [, host, port] = /(?:^|udp:)((?:\d+\.){3}\d+):(\d+)/.exec(text) ?? [];
  return host === undefined ? null : { host, port: Number(port) };
}
