import type { IdentityProvider } from '../shared/core/identity-provider.ts';

/** The settings of one stage. Times are seconds unless the name says otherwise. */
export interface StageSettings {
  /** Lower-case letters, digits and hyphens; part of the stacks' names. */
  readonly name: string;
  readonly network: NetworkSettings;
  readonly database: DatabaseSettings;
  readonly cache: CacheSettings;
  readonly models: ModelSettings;
  readonly ingestion: IngestionSettings;
  readonly search: SearchSettings;
  readonly api: ApiSettings;
  readonly connections: ConnectionSettings;
  readonly operations: OperationSettings;
  readonly rateLimits: RateLimitSettings;
  /** What a workspace may have, or spend in a day (UTC); null for no quotas. An operator may set others for one workspace. */
  readonly quotas: QuotaSettings | null;
}

/** By resource; left out: no limit. `documents` counts in each collection; tokens count by the day. */
export interface QuotaSettings {
  readonly collections?: number;
  readonly documents?: number;
  readonly stored_bytes?: number;
  readonly chunks?: number;
  readonly connections?: number;
  readonly chat_tokens?: number;
  readonly embedding_tokens?: number;
}

/** A bucket of so many requests that is refilled within so many seconds. */
export interface RateLimit {
  readonly requests: number;
  readonly seconds: number;
}

/**
 * Limits by class of request: questions to a model (`ask`), and what is cheap beside them: searches and other reads, changes, and looks
 * at progress. Of each subject (a person, or a key where it names none) and of a whole workspace; null for none. An operator may set
 * others for one workspace, an admin a lower one for a key.
 */
export type RateLimitSettings = Readonly<
  Record<
    'ask' | 'read' | 'write' | 'poll',
    { readonly subject: RateLimit | null; readonly workspace: RateLimit | null }
  >
>;

export interface NetworkSettings {
  readonly availabilityZones: 2 | 3;
  /** One NAT instance costs about a fifth of a gateway and is a single point of failure for model calls. */
  readonly egress: 'nat-instance' | 'nat-gateway-per-zone' | 'existing';
  /** A network that is there already, with `egress: 'existing'`; null makes one. */
  readonly existing: ExistingNetwork | null;
  readonly interfaceEndpoints: boolean;
  /** Only for assemblies that run on one machine: plain connections to the database and the cache. */
  readonly loopback: boolean;
}

/** Nothing of it is made or changed, so that it needs no look-up either: its ways out, flow logs and S3 endpoint are its owner's. */
export interface ExistingNetwork {
  readonly vpcId: string;
  /** All its addresses, in CIDR notation. */
  readonly addresses: string;
  /** Names like eu-central-1a, as many as `availabilityZones`. */
  readonly zones: readonly string[];
  /** One private subnet in each zone, in the order of `zones`, that reaches port 443 of the outside. */
  readonly functionSubnets: readonly string[];
  /** One subnet in each zone for the database and the cache, without a way out. */
  readonly dataSubnets: readonly string[];
}

export interface DatabaseSettings {
  readonly engineVersion: '17.9' | '18.6';
  readonly port: number;
  /** Aurora capacity units, in halves. Zero pauses the cluster when nobody is connected. */
  readonly capacity: { readonly minimum: number; readonly maximum: number };
  readonly autoPauseAfter: number;
  readonly readers: number;
  readonly proxy: boolean;
  readonly performanceInsights: boolean;
  readonly backupDays: number;
  /** Hash partitions of chunks and embeddings. The first migration run fixes it. */
  readonly partitions: number;
}

export interface CacheSettings {
  readonly enabled: boolean;
  readonly engine: 'valkey' | 'redis';
  readonly mode: 'cluster' | 'single';
  readonly login: 'password' | 'none';
  readonly questionTtl: number;
  readonly chunkTtl: number;
  readonly metadataTtl: number;
  readonly queryTtl: number;
  readonly maxGigabytes: number;
}

export interface ModelSettings {
  /** An OpenAI-compatible server; null means OpenAI's own. */
  readonly baseUrl: string | null;
  readonly embedding: { readonly model: string; readonly dimensions: number };
  /** Second vector space for times when the first model is down, and the old one while a new first model takes over; null for none. */
  readonly fallbackEmbeddingModel: string | null;
  /** Writes answers, in OpenAI's chat completions. */
  readonly chatModel: string;
  /** Chat models beside it that a workspace may choose for itself; each has a price in `shared/usage/prices.ts`. */
  readonly chatModelChoices: readonly string[];
  /** Its dimensions, at most the first model's; null for as many. */
  readonly fallbackEmbeddingDimensions: number | null;
  /** What the account may spend on an embedding model in a minute; null for no limit of ours. */
  readonly tokensPerMinute: number | null;
  readonly requestsPerMinute: number | null;
}

/** Executions at once that the queue of each priority may use. */
export interface ConcurrencyByPriority {
  readonly critical: number;
  readonly default: number;
  readonly low: number;
}

/**
 * What a rank counts when the legs of a hybrid search are fused (weight / (60 + rank)): 1 and 1 unless you measure something better on
 * your own questions. 0 leaves a leg in that only fills up.
 */
export interface SearchSettings {
  readonly semanticWeight: number;
  readonly keywordWeight: number;
}

export interface IngestionSettings {
  readonly maximumFileBytes: number;
  /** Seconds for which an overtaken version stays readable, so that a citation of a moment ago still leads somewhere. */
  readonly versionGraceSeconds: number;
  /** Null: as many as the database admits and can write, and for embeddings as the model's minute feeds (`infra/work-concurrency.ts`). */
  readonly ingestConcurrency: ConcurrencyByPriority | null;
  readonly embedConcurrency: ConcurrencyByPriority | null;
}

export interface ApiSettings {
  readonly corsOrigins: readonly string[];
  readonly requestsPerSecond: number;
  readonly burst: number;
  readonly reservedConcurrency: { readonly buffered: number; readonly streaming: number };
  /** Environments of them that are started before anybody asks, and paid all the time; 0 for none. Needs `operations.rollout` "canary". */
  readonly provisionedConcurrency: { readonly buffered: number; readonly streaming: number };
  readonly firewall: boolean;
  /** A name of your own for the API; null leaves the one that AWS gives. */
  readonly domain: DomainSettings | null;
  /** Oldest TLS that the API accepts, under every name of it. */
  readonly tls: '1.2' | '1.3';
  /** OIDC issuers whose tokens are accepted beside API keys: whom they vouch for is a member of a workspace, or says so by claims. */
  readonly identityProviders: readonly IdentityProvider[];
}

export interface DomainSettings {
  /** In lower case, like ask.example.com. */
  readonly name: string;
  /** Of a certificate for it in the stage's own region. */
  readonly certificateArn: string;
  /** The zone of Route 53 in which the name is written; null: you write it elsewhere, to the output `DomainTarget`. */
  readonly hostedZone: { readonly id: string; readonly name: string } | null;
}

export interface ConnectionSettings {
  /** Networks in CIDR notation, beyond the public internet, in which customers' databases may stand. How they are reached is yours to route. */
  readonly allowedNetworks: readonly string[];
  /** Ports on which public hosts may be reached. */
  readonly publicConnectionPorts: readonly number[];
  /**
   * Database users that connections may use by IAM, as ARNs of `rds-db` (arn:aws:rds-db:<region>:<account>:dbuser:<resource id>/<user>).
   * A user is named like the workspace that may be it (ws_…).
   */
  readonly iamDatabaseUsers: readonly string[];
  /** Tables of one workspace's databases that are described at once. */
  readonly catalogConcurrency: number;
  /** Limits of one statement against a customer's database. */
  readonly statements: StatementSettings;
}

export interface StatementSettings {
  /**
   * What the planner may expect it to cost, in its units; 5,000,000 unless told: some ten million rows read, or a minute of one core.
   * What is dearer is refused before it runs.
   */
  readonly mostCost: number;
  /** Seconds of a statement that a caller sent (20), of one that a model wrote for an answer (12), and of planning one (5). */
  readonly runSeconds: number;
  readonly answerSeconds: number;
  readonly planSeconds: number;
}

export interface OperationSettings {
  /** Who is written to when an alarm goes off; null for nobody. */
  readonly alarmEmail: string | null;
  /** Whether alarms watch how fast the failures that the objectives allow are spent; about $7 a month, and of use where there is traffic. */
  readonly objectives: boolean;
  readonly logRetentionDays: 30 | 60 | 90 | 180 | 365;
  /** What becomes of documents and the database when the stack is deleted. */
  readonly dataOnRemoval: 'keep' | 'destroy';
  readonly logsOnRemoval: 'keep' | 'destroy';
  readonly terminationProtection: boolean;
  /**
   * How new code comes to its calls: at once, or a tenth of them for five minutes, after which it has all, or none if something alarmed. A canary makes
   * every deploy that changes code five minutes longer, and keeps the versions before.
   */
  readonly rollout: 'all-at-once' | 'canary';
  /** Upper bound on every function's time-out but the migration's; null leaves each function its own. */
  readonly functionTimeoutCap: number | null;
  /** Whether ends of documents and jobs are told on a bus: one dollar a million. */
  readonly events: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** The only region that the stage may be deployed to; null for whichever the credentials point to. */
  readonly region: string | null;
  /** ARN of the managed policy that bounds every role; null for none. */
  readonly permissionsBoundary: string | null;
  /** Of the account's bootstrap; null for the CDK's own. */
  readonly bootstrapQualifier: string | null;
  /** What a month may cost before somebody is written to; null for no budget. */
  readonly budget: BudgetSettings | null;
  /** Backups in a second region as well; null for none. */
  readonly backupCopies: BackupCopySettings | null;
}

export interface BudgetSettings {
  /** US dollars. Mails go out at 80 % and 100 % of it, and when the month is forecast to pass it, to `alarmEmail`. */
  readonly monthlyDollars: number;
  /**
   * What counts: everything in the account, or what carries the tag `stage` with this stage's name. The tag counts from the day on which it is
   * activated for cost allocation in the billing console, and until then such a budget sees nothing.
   */
  readonly of: 'account' | 'stage';
}

export interface BackupCopySettings {
  readonly region: string;
  /** Days for which a copy is kept: what was erased is in copies as long. */
  readonly days: number;
  /** Of the vault; `dbrag-<stage>-copies` if left out. A vault outlives its stage, and a new stage of the same name needs one of another name. */
  readonly vault?: string;
}
