import { type ApiKeyDirectory, createApiKeyDirectory } from '../../shared/access/api-key-directory.ts';
import type { TokenDirectory } from '../../shared/access/token-directory.ts';
import { Trail } from '../../shared/access/trail.ts';
import { TrailKeys } from '../../shared/access/trail-keys.ts';
import { createKmsKeyService } from '../../shared/adapters/kms/kms-key-service.ts';
import { createLambdaQueryDatabase } from '../../shared/adapters/lambda/lambda-query-database.ts';
import { createDirectStatements } from '../../shared/adapters/postgres/direct-statements.ts';
import { RedisCache } from '../../shared/adapters/redis/redis-cache.ts';
import { createS3ObjectStore } from '../../shared/adapters/s3/s3-object-store.ts';
import { createPasswordStore } from '../../shared/adapters/secrets/secret-passwords.ts';
import { createSecretReader } from '../../shared/adapters/secrets/secret-reader.ts';
import { createSqsWorkQueue } from '../../shared/adapters/sqs/sqs-work-queue.ts';
import { AnswerCache } from '../../shared/answering/answer-cache.ts';
import { type Cache, noCache } from '../../shared/core/cache.ts';
import { type Clock, systemClock } from '../../shared/core/clock.ts';
import { currentTrace, readConfig, readTelemetryConfig } from '../../shared/core/config.ts';
import type { Config } from '../../shared/core/config-shape.ts';
import type { SnapshotDatabase } from '../../shared/core/database.ts';
import type { DirectStatements } from '../../shared/core/direct-statements.ts';
import type { Failpoint } from '../../shared/core/failpoint.ts';
import type { ObjectStore } from '../../shared/core/object-store.ts';
import type { WorkQueue } from '../../shared/core/work-queue.ts';
import { DatabaseClient } from '../../shared/databases/ask-database.ts';
import { CatalogCache } from '../../shared/databases/catalog-cache.ts';
import type { PasswordStore } from '../../shared/databases/passwords.ts';
import { createRemovalArm, type RemovalArm } from '../../shared/ingestion/arm-removal.ts';
import { EmbeddingNudges } from '../../shared/ingestion/embedding-nudges.ts';
import { type Announcements, createAnnouncements } from '../../shared/jobs/announcements.ts';
import { createSweepArm, type SweepArm } from '../../shared/jobs/arm-sweep.ts';
import { ResultCache } from '../../shared/retrieval/result-cache.ts';
import { createStatisticsKeeper, type StatisticsKeeper } from '../../shared/retrieval/statistics-keeper.ts';
import type { WorkspaceSearch } from '../../shared/retrieval/workspace-search.ts';
import { createCache } from './cache.ts';
import { connectDatabase, connectionTo, createSearchReader, type DatabaseUser } from './connect-database.ts';
import { ErrorLedger } from './error-ledger.ts';
import { createEventBus } from './event-bus.ts';
import { createFailpoint } from './failpoint.ts';
import { createTokens } from './identity.ts';
import { createLimits, createQuotas, type Limits, type Quotas } from './limits.ts';
import { createModelSpaces, type ModelSpaces } from './model-spaces.ts';
import { type ChatModels, createChatModels } from './models.ts';
import { ObservedSearch } from './observed-search.ts';
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts';

/**
 * What one execution environment works with, made once and used by every event. Each part opens its connection when it is first
 * asked something, so a function pays only for what it uses.
 */
export interface Services extends Limits, ModelSpaces {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Telemetry;
  /** Unexpected errors, by where they come from. */
  readonly errors: Pick<ErrorLedger, 'note'>;
  readonly failpoint: Failpoint;
  readonly database: SnapshotDatabase;
  /** For maintenance alone: the maintainer may build, others may not. */
  readonly direct: DirectStatements;
  /** Null where the stage has none. */
  readonly cache: (Cache & { ping(): Promise<void>; forget(workspaceId: string): Promise<number> }) | null;
  readonly objects: ObjectStore;
  /** Where roots of the audit trail are locked; null for functions that write none. */
  readonly auditRoots: ObjectStore | null;
  readonly trail: Trail;
  readonly queue: WorkQueue;
  readonly sweep: SweepArm;
  readonly embeddingNudges: EmbeddingNudges;
  readonly removals: RemovalArm;
  readonly apiKeys: ApiKeyDirectory;
  /** Authenticates people by the tokens of identity providers. */
  readonly tokens: TokenDirectory;
  readonly quotas: Quotas;
  readonly announcements: Announcements;
  readonly statistics: StatisticsKeeper;
  readonly searches: WorkspaceSearch;
  /** The cache of hits. */
  readonly results: ResultCache;
  readonly chat: ChatModels;
  /** The cache of answers. */
  readonly answers: AnswerCache;
  /** Customers' databases, through the one function that connects. */
  readonly databases: DatabaseClient;
  /** The tables that statements may read. */
  readonly catalog: CatalogCache;
  /** Passwords of connections: stored and removed, never read. */
  readonly passwords: PasswordStore;
  operatorSecret(): Promise<string>;
}

/** Wires everything. @param overrides a test's parts, in place of the real ones */
export function createServices(overrides: Partial<Services> = {}, user: DatabaseUser = 'dbrag_app'): Services {
  const config = overrides.config ?? readConfig();
  const clock = overrides.clock ?? systemClock;
  const log = overrides.log ?? createTelemetry();
  const secrets = createSecretReader(clock, { onFallback: (error) => log.secretFellBack(error) });
  const database = overrides.database ?? connectDatabase(config.database, user, secrets);
  const queue =
    overrides.queue ??
    createSqsWorkQueue({
      urls: config.queueUrls,
      requestId: () => log.requestId(),
      traceHeader: () => currentTrace()?.header,
      onFailure: (name, count, error) => log.nudgeFailed({ queue: name, count, error }),
    });
  const cache = overrides.cache === undefined ? createCache(config.cache, secrets, log) : overrides.cache;
  const redis = cache instanceof RedisCache ? cache : null;
  const spaces = createModelSpaces({ config, secrets, log, cache: redis }, database);
  const limits = createLimits(redis, database, clock, log);
  const workspaceLimits = overrides.workspaceLimits ?? limits.workspaceLimits;
  return {
    rates: overrides.rates ?? limits.rates,
    addressRates: overrides.addressRates ?? limits.addressRates,
    workspaceLimits,
    quotas: overrides.quotas ?? createQuotas(config, workspaceLimits, log),
    space: overrides.space ?? spaces.space,
    fallbackSpace: overrides.fallbackSpace === undefined ? spaces.fallbackSpace : overrides.fallbackSpace,
    questions: overrides.questions ?? spaces.questions,
    fallbackQuestions:
      overrides.fallbackQuestions === undefined ? spaces.fallbackQuestions : overrides.fallbackQuestions,
    config,
    clock,
    log,
    errors: overrides.errors ?? new ErrorLedger(database, readTelemetryConfig().service, log),
    failpoint: overrides.failpoint ?? createFailpoint(),
    database,
    direct: overrides.direct ?? createDirectStatements(connectionTo(config.database, user, secrets)),
    cache,
    queue,
    objects: overrides.objects ?? createS3ObjectStore(config.bucketName, clock),
    auditRoots:
      overrides.auditRoots === undefined
        ? config.audit.bucketName
          ? createS3ObjectStore(config.audit.bucketName, clock)
          : null
        : overrides.auditRoots,
    trail:
      overrides.trail ??
      new Trail({
        keys: config.audit.keyArn ? new TrailKeys(database, createKmsKeyService(config.audit.keyArn)) : null,
        queue,
        clock,
        onLost: (events) => log.auditEventsLost(events),
        onUnsealed: (error) => log.originUnsealed(error),
      }),
    embeddingNudges: overrides.embeddingNudges ?? new EmbeddingNudges(queue, clock),
    sweep: overrides.sweep ?? createSweepArm(queue, clock),
    removals: overrides.removals ?? createRemovalArm(queue, clock, config.versionGraceSeconds),
    announcements: overrides.announcements ?? createAnnouncements(database, createEventBus(config, log)),
    results: overrides.results ?? new ResultCache(cache ?? noCache, cache ? config.cache.queryTtl : 0),
    searches:
      overrides.searches ??
      new ObservedSearch(
        database,
        { semantic: config.search.semanticWeight, keyword: config.search.keywordWeight },
        log,
        createSearchReader(config.database, user, secrets, clock, (outcome, error) => log.readerAsked(outcome, error)),
      ),
    statistics: overrides.statistics ?? createStatisticsKeeper(database, queue, clock),
    tokens: overrides.tokens ?? createTokens(config, database, clock),
    apiKeys: overrides.apiKeys ?? createApiKeyDirectory(database, clock),
    answers: overrides.answers ?? new AnswerCache(cache ?? noCache, config.cache.queryTtl),
    chat: overrides.chat ?? createChatModels(config, secrets, log),
    databases: overrides.databases ?? new DatabaseClient(createLambdaQueryDatabase(config.connections.functionName)),
    catalog: overrides.catalog ?? new CatalogCache(cache ?? noCache, cache ? config.cache.metadataTtl : 0),
    passwords:
      overrides.passwords ??
      createPasswordStore({ prefix: config.connections.secretPrefix, keyArn: config.connections.secretKeyArn }),
    operatorSecret:
      overrides.operatorSecret ?? (() => secrets.read(required(config.operatorSecretArn, 'operator secret'))),
  };
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`This function has not been given the ${what}.`);
  return value;
}
