/**
 * The names of the environment variables that the infrastructure sets and `config.ts` reads: the one contract between the two.
 * `infra` may import this file and nothing else of `shared`.
 */
export const environmentNames = {
  stage: 'STAGE',
  logLevel: 'POWERTOOLS_LOG_LEVEL',
  service: 'POWERTOOLS_SERVICE_NAME',
  metricsNamespace: 'POWERTOOLS_METRICS_NAMESPACE',

  databaseHost: 'DATABASE_HOST',
  /** The read endpoint; equal to the host where a stage has no reader. */
  databaseReaderHost: 'DATABASE_READER_HOST',
  databasePort: 'DATABASE_PORT',
  databaseName: 'DATABASE_NAME',
  /** `verify` (TLS with the RDS certificate bundle) or `off` (loopback stages only). */
  databaseTls: 'DATABASE_TLS',
  /** `true` where functions connect to the database itself: named statements may be used. A proxy would pin for them. */
  databasePreparedStatements: 'DATABASE_PREPARED_STATEMENTS',
  /** ARN of the secret `{username, password}` of the role that this function connects as. */
  databaseSecret: 'DATABASE_SECRET_ARN',
  /** Only for the migration: ARNs of the owner's and of the two login roles' secrets. */
  databaseOwnerSecret: 'DATABASE_OWNER_SECRET_ARN',
  databaseApplicationSecret: 'DATABASE_APPLICATION_SECRET_ARN',
  databaseMaintainerSecret: 'DATABASE_MAINTAINER_SECRET_ARN',
  /** Settings that only the first migration run may choose. */
  databasePartitions: 'DATABASE_PARTITIONS',

  /** `redis://`, `rediss://` (TLS) or `rediss+cluster://` (TLS, cluster mode): host, port; empty when the cache is switched off. */
  cacheUrl: 'CACHE_URL',
  /** JSON of the stage's cache settings: `{questionTtl, chunkTtl, metadataTtl, queryTtl}` in seconds. */
  cacheSettings: 'CACHE_SETTINGS',
  /** ARN of the secret `{username, password}` that the cache asks for; unset where it asks for none. */
  cacheSecret: 'CACHE_SECRET_ARN',

  bucketName: 'BUCKET_NAME',
  auditBucketName: 'AUDIT_BUCKET_NAME',
  /** Days for which backups of the database are kept. */
  backupDays: 'BACKUP_DAYS',
  /** ARN of the KMS key that wraps the keys of the audit trail. */
  auditKey: 'AUDIT_KEY_ARN',

  queueUrlUploads: 'QUEUE_URL_UPLOADS',
  queueUrlIngestCritical: 'QUEUE_URL_INGEST_CRITICAL',
  queueUrlIngestDefault: 'QUEUE_URL_INGEST_DEFAULT',
  queueUrlIngestLow: 'QUEUE_URL_INGEST_LOW',
  queueUrlEmbedCritical: 'QUEUE_URL_EMBED_CRITICAL',
  queueUrlEmbedDefault: 'QUEUE_URL_EMBED_DEFAULT',
  queueUrlEmbedLow: 'QUEUE_URL_EMBED_LOW',
  queueUrlMaintenance: 'QUEUE_URL_MAINTENANCE',
  queueUrlCatalog: 'QUEUE_URL_CATALOG',
  /** The bus for completion events; unset where events are off. */
  eventBusName: 'EVENT_BUS_NAME',

  /** ARN of the secret that holds the model provider's key, as a plain string. */
  modelSecret: 'MODEL_SECRET_ARN',
  /** Base URL of an OpenAI-compatible server; unset means OpenAI's own. */
  modelBaseUrl: 'OPENAI_BASE_URL',
  embeddingModel: 'EMBEDDING_MODEL',
  embeddingDimensions: 'EMBEDDING_DIMENSIONS',
  /** Model of the second vector space, for times when the first model is down; unset for none. */
  embeddingFallbackModel: 'EMBEDDING_FALLBACK_MODEL',
  embeddingFallbackDimensions: 'EMBEDDING_FALLBACK_DIMENSIONS',
  /** JSON `{tokensPerMinute, requestsPerMinute, processes}`: what may be spent on a model, null for no limit, and by how many. */
  embeddingBudget: 'EMBEDDING_BUDGET',

  /** Model that writes answers. */
  chatModel: 'CHAT_MODEL',
  chatModelChoices: 'CHAT_MODEL_CHOICES',

  /** Name of the function that reaches customers' databases; unset for those that have no business there. */
  queryDatabaseFunction: 'QUERY_DATABASE_FUNCTION',
  /** JSON `{mostCost, runSeconds, answerSeconds, planSeconds}`: what one statement against a customer's database may take. */
  statementSettings: 'STATEMENT_SETTINGS',
  /** JSON `{allowedNetworks, publicPorts, loopback}`: where customers' databases may stand. */
  networkRules: 'CONNECTION_NETWORK_RULES',
  /** What the names of connections' secrets begin with, and the ARN of the key that they are encrypted with. */
  connectionSecretPrefix: 'CONNECTION_SECRET_PREFIX',
  connectionSecretKey: 'CONNECTION_SECRET_KEY_ARN',

  operatorSecret: 'OPERATOR_SECRET_ARN',
  /** Largest file that is ingested, in bytes. */
  maximumFileBytes: 'MAXIMUM_FILE_BYTES',
  /** JSON of the stage's search settings: `{semanticWeight, keywordWeight}`. */
  searchSettings: 'SEARCH_SETTINGS',
  /** Seconds for which an overtaken version of a document stays readable. */
  versionGraceSeconds: 'VERSION_GRACE_SECONDS',
  /** JSON list of allowed browser origins. */
  corsOrigins: 'CORS_ORIGINS',
  /** JSON list of OIDC issuers whose tokens are accepted: `IdentityProvider` of `shared/core/identity-provider.ts`. */
  identityProviders: 'IDENTITY_PROVIDERS',
  /** JSON of the stage's rate limits: of each class `{subject, workspace}`, each `{requests, seconds}` or null for none. */
  rateLimits: 'RATE_LIMITS',
  /** Streams of a job's events that one workspace may hold open. */
  openStreams: 'OPEN_STREAMS',
  /** JSON of the stage's quotas, or `null` for none. */
  quotas: 'QUOTAS',
} as const;

export type EnvironmentName = (typeof environmentNames)[keyof typeof environmentNames];
