import type { IdentityProvider } from './identity-provider.ts';
import type { QueueName } from './work-queue.ts';

/** The settings that a process was started with; `readConfig` reads them from the environment. */
export interface Config {
  readonly stage: string;
  readonly database: DatabaseConfig;
  readonly cache: CacheConfig;
  readonly bucketName: string;
  readonly audit: AuditConfig;
  /** Days for which backups of the database hold what was erased. */
  readonly backupDays: number;
  readonly queueUrls: Readonly<Record<QueueName, string | undefined>>;
  /** Undefined: no events are published. */
  readonly eventBusName: string | undefined;
  readonly connections: ConnectionConfig;
  readonly models: ModelConfig;
  readonly search: SearchConfig;
  readonly operatorSecretArn: string | undefined;
  readonly maximumFileBytes: number;
  /** For how long an overtaken version stays readable. */
  readonly versionGraceSeconds: number;
  readonly corsOrigins: readonly string[];
  readonly rateLimits: RateLimitConfig;
  /** Streams of a job's events that one workspace may hold open. */
  readonly openStreams: number;
  /** OIDC issuers whose tokens are accepted. */
  readonly identityProviders: readonly IdentityProvider[];
  readonly quotas: Readonly<Record<string, number>> | null;
}

/** So many requests in so many seconds, of each subject and of a whole workspace; null: no limit. */
export interface RateLimitOfClass {
  readonly subject: { readonly requests: number; readonly seconds: number } | null;
  readonly workspace: { readonly requests: number; readonly seconds: number } | null;
}

export type RateLimitConfig = Readonly<Record<'ask' | 'read' | 'write' | 'poll', RateLimitOfClass>>;

/** Settings of functions that use connections; undefined for others. */
export interface ConnectionConfig {
  /** Name of the function that reaches customers' databases. */
  readonly functionName: string | undefined;
  /** The prefix of secret names. */
  readonly secretPrefix: string | undefined;
  readonly secretKeyArn: string | undefined;
  readonly statements: StatementConfig;
}

/** Limits of one statement against a customer's database. */
export interface StatementConfig {
  /** As the planner expects it, in its units. */
  readonly mostCost: number;
  /** Of a statement that a caller sent, of one that a model wrote for an answer, and of planning one. */
  readonly runSeconds: number;
  readonly answerSeconds: number;
  readonly planSeconds: number;
}

export interface AuditConfig {
  /** Where roots of the trail are locked; undefined for functions that write none. */
  readonly bucketName: string | undefined;
  /** ARN of the KMS key that wraps the keys of the trail; undefined: where requests come from is not kept. */
  readonly keyArn: string | undefined;
}

export interface DatabaseConfig {
  readonly host: string;
  readonly readerHost: string;
  readonly port: number;
  readonly name: string;
  readonly tls: 'verify' | 'off';
  /** Named statements save planning, and must not be used through a proxy, which would pin a connection for them. */
  readonly preparedStatements: boolean;
  readonly secretArn: string | undefined;
}

export interface CacheConfig {
  readonly url: string | undefined;
  /** ARN of the secret `{username, password}` of the cache's user; undefined where the cache asks for none. */
  readonly secretArn: string | undefined;
  readonly questionTtl: number;
  readonly chunkTtl: number;
  readonly metadataTtl: number;
  readonly queryTtl: number;
}

/** Weight of each leg's ranks when a hybrid search is fused. */
export interface SearchConfig {
  readonly semanticWeight: number;
  readonly keywordWeight: number;
}

export interface ModelConfig {
  readonly secretArn: string | undefined;
  readonly baseUrl: string | undefined;
  readonly embeddingModel: string;
  /** Also the width of the column: shorter vectors are filled up. */
  readonly embeddingDimensions: number;
  readonly chatModel: string;
  /** Models that a workspace may choose instead. */
  readonly chatModelChoices: readonly string[];
  /** The second vector space, for times when the first model is down; null: none. */
  readonly fallbackModel: string | null;
  readonly fallbackDimensions: number;
  readonly budget: ModelBudget;
}

/** What may be spent on a model in a minute, by all processes together; null: unlimited. */
export interface ModelBudget {
  readonly tokensPerMinute: number | null;
  readonly requestsPerMinute: number | null;
  /** Processes at most that spend it. */
  readonly processes: number;
}

/** Settings of the migration only. */
export interface MigrationConfig {
  readonly database: DatabaseConfig;
  readonly ownerSecretArn: string;
  readonly applicationSecretArn: string;
  readonly maintainerSecretArn: string;
  readonly partitions: number;
  readonly embeddingDimensions: number;
  readonly directory: string;
}
