import { type IdentityProvider, signatureAlgorithms } from '../shared/core/identity-provider.ts';
import { prices } from '../shared/usage/prices.ts';
import { connectionNeed } from './connection-need.ts';
import { leastConcurrency, mostConcurrency } from './environments-admitted.ts';
import { placementChecks } from './placement-checks.ts';
import { type Check, isNetwork, isWhole } from './stage-check.ts';
import type { ConcurrencyByPriority, ModelSettings, StageSettings } from './stage-settings.ts';
import { executionsFed, totalOf } from './work-concurrency.ts';

/** Widest vector that pgvector's halfvec indexes. */
const widestVector = 4_000;
/** Aurora's own ceiling for one Serverless v2 instance. */
const largestCapacity = 256;
/** Of the 29 s that a request may take, some are needed around the statement. */
const longestStatementSeconds = 25;
const defaultPostgresPort = 5432;

/**
 * Returns the stage as it is, or stops the synthesis.
 * @throws Error with one sentence that names the stage and the setting
 */
export function defineStage<const Stage extends StageSettings>(stage: Stage): Stage {
  for (const check of [...checks, ...placementChecks]) {
    const complaint = check(stage);
    if (complaint) throw new Error(`Stage "${stage.name}": ${complaint}`);
  }
  return stage;
}

const checks: readonly Check[] = [
  ({ name }) =>
    !/^[a-z][a-z0-9-]{0,19}$/.test(name) &&
    'name must be 1 to 20 lower-case letters, digits and hyphens and start with a letter.',
  ({ name }) =>
    name.endsWith('-drill') && 'name must not end in -drill: so a restore drill names its copy of the database.',

  ({ database: { capacity } }) =>
    (!isHalf(capacity.minimum) || !isHalf(capacity.maximum)) &&
    'database.capacity must be given in steps of 0.5 capacity units.',
  ({ database: { capacity } }) =>
    (capacity.minimum < 0 || capacity.maximum < 1 || capacity.maximum > largestCapacity) &&
    `database.capacity must lie between 0 and ${largestCapacity}, with a maximum of at least 1.`,
  ({ database: { capacity } }) =>
    capacity.minimum > capacity.maximum && 'database.capacity.minimum must not exceed database.capacity.maximum.',
  ({ database }) =>
    database.proxy &&
    database.capacity.minimum === 0 &&
    'database.proxy keeps connections open, so a cluster with database.capacity.minimum 0 would never pause.',
  ({ database }) =>
    database.readers > 0 &&
    database.capacity.minimum === 0 &&
    'database.readers would keep a pausing cluster awake, so database.capacity.minimum must be above 0.',
  ({ database }) =>
    !isWhole(database.autoPauseAfter, 300, 86_400) && 'database.autoPauseAfter must be 300 to 86,400 seconds.',
  ({ database }) => !isWhole(database.readers, 0, 15) && 'database.readers must be 0 to 15.',
  ({ database }) =>
    (!isWhole(database.port, 1_150, 65_535) || database.port === defaultPostgresPort) &&
    'database.port must be 1,150 to 65,535 and not the default port 5432.',
  ({ database }) => !isWhole(database.backupDays, 1, 35) && 'database.backupDays must be 1 to 35.',
  ({ database }) => !isWhole(database.partitions, 1, 256) && 'database.partitions must be 1 to 256.',

  ({ cache, network }) =>
    cache.login === 'none' && !network.loopback && 'cache.login "none" is only for loopback stages.',
  ({ cache, network }) =>
    cache.mode === 'single' &&
    !network.loopback &&
    'cache.mode "single" is only for loopback stages, since the serverless cache is a cluster.',
  ({ cache }) =>
    [cache.questionTtl, cache.chunkTtl, cache.metadataTtl, cache.queryTtl].some((ttl) => !isWhole(ttl, 1, 2_592_000)) &&
    'every time to live of the cache must be 1 to 2,592,000 seconds, since keys without one are never evicted.',
  ({ cache }) => !isWhole(cache.maxGigabytes, 1, 5_000) && 'cache.maxGigabytes must be 1 to 5,000.',

  ({ models }) =>
    !isWhole(models.embedding.dimensions, 1, widestVector) &&
    `models.embedding.dimensions must be 1 to ${widestVector.toLocaleString('en')}.`,
  ({ models }) => models.embedding.model === '' && 'models.embedding.model must be named.',
  ({ models }) =>
    models.fallbackEmbeddingModel === models.embedding.model &&
    'models.fallbackEmbeddingModel must differ from models.embedding.model.',
  ({ models }) => models.chatModel.trim() === '' && 'models.chatModel must name a model.',
  ({ models }) => {
    // At another address models have names of their own.
    const unknown = models.baseUrl === null ? modelsOf(models).find((one) => !hasPrice(one)) : undefined;
    return (
      unknown !== undefined &&
      `models names "${unknown}", which shared/usage/prices.ts does not know: correct the name, add its price, or set models.baseUrl if another provider serves it.`
    );
  },
  ({ models }) =>
    models.chatModelChoices.some((choice) => !hasPrice(choice)) &&
    'models.chatModelChoices must name models that shared/usage/prices.ts has a price of.',
  ({ models }) =>
    models.fallbackEmbeddingDimensions !== null &&
    !isWhole(models.fallbackEmbeddingDimensions, 1, models.embedding.dimensions) &&
    'models.fallbackEmbeddingDimensions must be 1 to models.embedding.dimensions, which is the width of the column.',
  ({ models }) =>
    [models.tokensPerMinute, models.requestsPerMinute].some(
      (limit) => limit !== null && !isWhole(limit, 1, Number.MAX_SAFE_INTEGER),
    ) && 'models.tokensPerMinute and models.requestsPerMinute must be whole numbers of at least 1, or null.',
  ({ models, network }) =>
    models.baseUrl !== null &&
    !network.loopback &&
    !/^https:\/\/[^/]/.test(models.baseUrl) &&
    'models.baseUrl must be an https URL.',

  ({ ingestion }) =>
    !isWhole(ingestion.maximumFileBytes, 1, 5_000_000_000) &&
    'ingestion.maximumFileBytes must be 1 to 5,000,000,000, the largest single PUT.',
  ({ ingestion }) =>
    !isWhole(ingestion.versionGraceSeconds, 0, 604_800) &&
    'ingestion.versionGraceSeconds must be 0 to 604,800, a week.',
  ({ ingestion }) => concurrencyComplaint('ingestion.ingestConcurrency', ingestion.ingestConcurrency),
  ({ ingestion }) => concurrencyComplaint('ingestion.embedConcurrency', ingestion.embedConcurrency),
  ({ ingestion: { embedConcurrency }, models }) => {
    const fed = executionsFed(models);
    return (
      embedConcurrency !== null &&
      totalOf(embedConcurrency) > fed &&
      `ingestion.embedConcurrency lets ${totalOf(embedConcurrency).toLocaleString('en')} executions ask the model at once and models.tokensPerMinute and models.requestsPerMinute keep ${fed.toLocaleString('en')} of them busy: lower it, or leave it null.`
    );
  },

  ({ search }) =>
    (![search.semanticWeight, search.keywordWeight].every((weight) => weight >= 0 && weight <= 100) ||
      search.semanticWeight + search.keywordWeight === 0) &&
    'search.semanticWeight and search.keywordWeight must be 0 to 100, and one of them above 0.',

  ({ api }) =>
    api.corsOrigins.some((origin) => !/^https?:\/\/[^/*]+$/.test(origin)) &&
    'api.corsOrigins must be origins like https://app.example.com, without paths and wildcards.',
  ({ api }) => api.burst < api.requestsPerSecond && 'api.burst must be at least api.requestsPerSecond.',
  ({ api }) =>
    (!isWhole(api.reservedConcurrency.buffered, 1, 1_000) || !isWhole(api.reservedConcurrency.streaming, 1, 1_000)) &&
    'api.reservedConcurrency must be 1 to 1,000.',
  ({ api: { provisionedConcurrency, reservedConcurrency } }) =>
    (['buffered', 'streaming'] as const).some(
      (kind) => !isWhole(provisionedConcurrency[kind], 0, Math.floor(reservedConcurrency[kind] / 2)),
    ) &&
    'api.provisionedConcurrency must be 0 to half of api.reservedConcurrency, since a rollout holds it for two versions at once.',
  ({ api: { provisionedConcurrency }, operations }) =>
    operations.rollout !== 'canary' &&
    provisionedConcurrency.buffered + provisionedConcurrency.streaming > 0 &&
    'api.provisionedConcurrency belongs to a version that is called by an alias, so operations.rollout must be "canary".',
  ({ api, network }) => identityComplaint(api.identityProviders, network.loopback),

  ({ connections }) =>
    connections.allowedNetworks.some((network) => !isNetwork(network)) &&
    'connections.allowedNetworks must be IPv4 networks in CIDR notation.',
  ({ connections }) =>
    connections.allowedNetworks.some(
      (network) => /^(0|127|169\.254|22[4-9]|2[3-5]\d)\./.test(network) || /\/[0-7]$/.test(network),
    ) &&
    'connections.allowedNetworks must be /8 or smaller and hold neither loopback nor link-local nor multicast addresses.',
  ({ connections }) =>
    connections.publicConnectionPorts.some((port) => !isWhole(port, 1, 65_535)) &&
    'connections.publicConnectionPorts must be 1 to 65,535.',
  ({ connections }) =>
    connections.iamDatabaseUsers.some(
      (arn) => !/^arn:aws[a-z-]*:rds-db:[a-z0-9-]+:\d{12}:dbuser:[\w-]+\/ws_[0-9a-f]{32}$/.test(arn),
    ) &&
    'connections.iamDatabaseUsers must be ARNs arn:aws:rds-db:<region>:<account>:dbuser:<resource id>/ws_…, each user named like its workspace.',
  ({ connections }) =>
    !isWhole(connections.catalogConcurrency, leastConcurrency, mostConcurrency) &&
    `connections.catalogConcurrency must be ${leastConcurrency} to ${mostConcurrency.toLocaleString('en')}.`,
  ({ connections: { statements } }) =>
    !isWhole(statements.mostCost, 1, Number.MAX_SAFE_INTEGER) &&
    'connections.statements.mostCost must be a whole number of at least 1.',
  ({ connections: { statements } }) =>
    [statements.runSeconds, statements.answerSeconds, statements.planSeconds].some(
      (seconds) => !isWhole(seconds, 1, longestStatementSeconds),
    ) &&
    `connections.statements: runSeconds, answerSeconds and planSeconds must be 1 to ${longestStatementSeconds}, since a caller of the API waits no longer.`,

  ({ operations }) =>
    operations.alarmEmail !== null &&
    !/^[^@\s]+@[^@\s]+$/.test(operations.alarmEmail) &&
    'operations.alarmEmail must be an e-mail address or null.',
  ({ operations }) =>
    operations.functionTimeoutCap !== null &&
    !isWhole(operations.functionTimeoutCap, 1, 900) &&
    'operations.functionTimeoutCap must be 1 to 900 seconds or null.',
  ({ rateLimits }) =>
    Object.values(rateLimits)
      .flatMap(({ subject, workspace }) => [subject, workspace])
      .some((limit) => limit !== null && !(isWhole(limit.requests, 1, 1e9) && isWhole(limit.seconds, 1, 86_400))) &&
    'rateLimits must each be null, or at least 1 request in 1 to 86,400 seconds.',
  ({ quotas }) =>
    Object.values(quotas ?? {}).some((limit) => !Number.isSafeInteger(limit) || limit < 0) &&
    'quotas must be whole numbers of at least 0.',
  (stage) => {
    const { needed, admitted } = connectionNeed(stage);
    return (
      needed > admitted &&
      `its functions may open ${needed.toLocaleString('en')} connections and the database admits ${admitted.toLocaleString('en')}: lower api.reservedConcurrency or the concurrency of ingestion, or raise database.capacity.maximum.`
    );
  },
];

const hasPrice = (name: string): boolean => prices.some(({ model }) => model === name);

const modelsOf = ({ embedding, fallbackEmbeddingModel, chatModel }: ModelSettings): string[] =>
  [embedding.model, fallbackEmbeddingModel, chatModel].filter((one) => one !== null);

function concurrencyComplaint(setting: string, concurrency: ConcurrencyByPriority | null): string | false {
  if (concurrency === null) return false;
  const inRange = (value: number) => isWhole(value, leastConcurrency, mostConcurrency);
  return (
    ![concurrency.critical, concurrency.default, concurrency.low].every(inRange) &&
    `${setting} must be ${leastConcurrency} to ${mostConcurrency.toLocaleString('en')} for each priority, or null.`
  );
}

/** Functions reach no other port than 443 of the outside, and no other machine than their own where everything runs on one. */
function isReachable(url: string, loopback: boolean): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, port, username, search, hash } = new URL(url);
  if (username !== '' || search !== '' || hash !== '') return false;
  return (protocol === 'https:' && port === '') || (loopback && /^http:\/\/127\.0\.0\.1(:\d+)?(\/|$)/.test(url));
}

function identityComplaint(providers: readonly IdentityProvider[], loopback: boolean): string | false {
  const issuers = providers.map(({ issuer }) => issuer);
  if (new Set(issuers).size < issuers.length) return 'api.identityProviders must name each issuer once.';
  for (const { issuer, audience, keysUrl, algorithms, claims, strongContexts } of providers) {
    if (!isReachable(issuer, loopback) || !isReachable(keysUrl ?? issuer, loopback) || audience === '')
      return 'api.identityProviders must each have an https issuer on port 443 and an audience.';
    const known: readonly string[] = signatureAlgorithms;
    if (algorithms && (algorithms.length === 0 || !algorithms.every((one) => known.includes(one))))
      return `api.identityProviders.algorithms must be some of ${known.join(', ')}.`;
    if (claims && Object.values(claims).some((name) => name === ''))
      return 'api.identityProviders.claims must name the claims of a workspace and a role.';
    if (strongContexts?.length === 0)
      return 'api.identityProviders.strongContexts must name a context, or be left out.';
  }
  return false;
}

function isHalf(value: number): boolean {
  return Number.isInteger(value * 2);
}
