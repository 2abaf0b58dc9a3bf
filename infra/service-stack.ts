import { join } from 'node:path';
import { Code, type IFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { environmentNames as names } from '../shared/core/env-names.ts';
import { Alarms } from './constructs/alarms.ts';
import { CustomerConnections } from './constructs/customer-connections.ts';
import { Events } from './constructs/events.ts';
import { Firewall } from './constructs/firewall.ts';
import { Functions } from './constructs/functions.ts';
import { HttpApi, restApiName } from './constructs/http-api.ts';
import { liveAlias } from './constructs/live-alias.ts';
import { Migration } from './constructs/migration.ts';
import { NightlyPass } from './constructs/nightly-pass.ts';
import { Queues } from './constructs/queues.ts';
import { Rollout } from './constructs/rollout.ts';
import {
  consumerTimeouts,
  createServiceFunctions,
  migrationTimeout,
  type ServiceFunctions,
} from './constructs/service-functions.ts';
import { StorageAccess } from './constructs/storage-access.ts';
import { UploadNotification } from './constructs/upload-notification.ts';
import { Watching } from './constructs/watching/watching.ts';
import type { DataStack } from './data-stack.ts';
import { leastConcurrency, registerConcurrency } from './environments-admitted.ts';
import type { StageSettings } from './stage-settings.ts';
import { workConcurrency } from './work-concurrency.ts';

/** Objects below it become documents. */
const uploadPrefix = 'uploads/';
const registerBatch = 10;
const ingestBatch = 10;
const embedBatch = 10;
/** Tables of one message batch share a session on their database. */
const describeBatch = 10;
const deadLetterBatch = 10;

export interface ServiceStackProps extends StackProps {
  readonly stage: StageSettings;
  readonly data: DataStack;
  /** The bundled handlers. */
  readonly bundleDirectory: string;
}

/** What can be thrown away and made again: queues, functions, the API, alarms. */
export class ServiceStack extends Stack {
  constructor(scope: Construct, id: string, { stage, data, bundleDirectory, ...props }: ServiceStackProps) {
    super(scope, id, props);
    const { keys, logs, network } = data;
    const alarms = new Alarms(this, 'Alarms', { email: stage.operations.alarmEmail, key: keys.data });
    const queues = new Queues(this, 'Queues', {
      stageName: stage.name,
      key: keys.data,
      timeouts: consumerTimeouts(stage),
      alarms,
    });
    const code = Code.fromAsset(bundleDirectory);
    const functions = createServiceFunctions(
      new Functions(this, 'Functions', { stage, code, network, keys, logs }),
      stage,
    );
    const { content, audit } = data.storage;
    const storage = new StorageAccess(this, 'StorageAccess', { content, audit, key: keys.data });

    const connections = new CustomerConnections(this, 'Connections', {
      stage,
      network,
      key: keys.secrets,
      queryDatabase: functions.queryDatabase,
      alias: stage.operations.rollout === 'canary' ? liveAlias : undefined,
    });

    grantHttp(functions, { data, queues, storage });
    grantWorkers(functions, { data, queues, storage });
    grantConnections(functions, connections, { data, queues });
    functions.maintain.addEnvironment(names.backupDays, String(daysInBackups(stage)));
    for (const fn of [functions.httpApi, functions.httpStream, functions.registerUpload, functions.maintain])
      storage.grantTrailKeys(fn);
    if (stage.operations.events) grantTell(functions, new Events(this, 'Events', stage.name));
    const called = release(this, functions, stage, alarms);
    deliver(called, queues, stage);
    migrateFirst(this, { functions, data, stage, bundleDirectory });
    new UploadNotification(this, 'Uploads', {
      bucket: content.bucket,
      queue: queues.uploads,
      prefix: uploadPrefix,
      logs,
    });
    new NightlyPass(this, 'NightlyPass', queues.maintenance);

    const api = new HttpApi(this, 'Http', {
      settings: stage.api,
      stageName: stage.name,
      logs,
      buffered: called.httpApi,
      streaming: called.httpStream,
      alarms,
    });
    if (stage.api.firewall) new Firewall(this, 'Firewall', api.stage);
    new Watching(this, 'Watching', { stage, alarms, queues, functions, api, proxyName: data.database.proxyName });
    new CfnOutput(this, 'ApiUrl', { value: api.url });
    new CfnOutput(this, 'GatewayUrl', { value: api.gatewayUrl });
  }
}

/** For as long what was erased is in a backup somewhere. */
function daysInBackups({ database, operations }: StageSettings): number {
  return Math.max(database.backupDays, operations.backupCopies?.days ?? 0);
}

interface Resources {
  readonly data: DataStack;
  readonly queues: Queues;
  readonly storage: StorageAccess;
}

function grantHttp({ httpApi, httpStream }: ServiceFunctions, { data, queues, storage }: Resources): void {
  for (const fn of [httpApi, httpStream]) {
    data.database.grantApplication(fn);
    data.cache?.grantUse(fn);
    data.credentials.modelKey.grantRead(fn, names.modelSecret);
  }
  data.credentials.operatorKey.grantRead(httpApi, names.operatorSecret);
  storage.grantReadUploads(httpApi);
  storage.grantReadContent(httpApi);
  storage.grantWriteUploads(httpApi);
  storage.grantWriteContent(httpApi);
  queues.grantSendIngest(httpApi);
  queues.maintenance.grantSend(httpApi);
  // What was answered is told to the audit trail by it.
  queues.maintenance.grantSend(httpStream);
  // Whether SQS answers, for `/ready`.
  queues.ingest.default.grantMeasure(httpApi);
  storage.grantList(httpApi);
  // Whether anything is left of what was erased.
  storage.grantListVersions(httpApi);
}

function grantWorkers(functions: ServiceFunctions, { data, queues, storage }: Resources): void {
  const { registerUpload, ingestDocument, embedChunks, maintain, deadLetter } = functions;
  for (const fn of [registerUpload, ingestDocument, embedChunks, deadLetter]) {
    data.database.grantApplication(fn);
    // Whoever accepts or moves work also arms the sweeper.
    queues.maintenance.grantSend(fn);
  }
  // Work that was given up without having been tried is sent again.
  queues.grantSendIngest(deadLetter);
  queues.grantSendEmbed(deadLetter);
  queues.uploads.grantSend(deadLetter);

  // Its own: what an outage kept from being registered is sent again.
  queues.uploads.grantSend(registerUpload);
  storage.grantReadUploads(registerUpload);
  storage.grantList(registerUpload);
  queues.grantSendIngest(registerUpload);

  storage.grantReadUploads(ingestDocument);
  storage.grantReadContent(ingestDocument);
  // Else a file that is gone would be an error that is tried five times, and not a document's own fault.
  storage.grantList(ingestDocument);
  queues.grantSendIngest(ingestDocument);
  queues.grantSendEmbed(ingestDocument);

  data.cache?.grantUse(embedChunks);
  data.credentials.modelKey.grantRead(embedChunks, names.modelSecret);
  queues.grantSendEmbed(embedChunks);

  data.database.grantMaintenance(maintain);
  storage.grantReadUploads(maintain);
  storage.grantReadContent(maintain);
  storage.grantRemove(maintain);
  storage.grantList(maintain);
  storage.grantListVersions(maintain);
  storage.grantKeepAuditRoots(maintain);
  // What was erased is forgotten there at once, and not when its time has come.
  data.cache?.grantUse(maintain);
  // For the archives of exports.
  storage.grantWriteContent(maintain);
  queues.grantSendIngest(maintain);
  queues.grantSendEmbed(maintain);
  queues.maintenance.grantSend(maintain);
  queues.grantMeasure(maintain);
}

/** Catalogs: the API begins them, maintain lists and embeds, describe-table describes. */
function grantConnections(
  { httpApi, httpStream, describeTable, maintain }: ServiceFunctions,
  connections: CustomerConnections,
  { data, queues }: Pick<Resources, 'data' | 'queues'>,
): void {
  for (const fn of [httpApi, httpStream]) connections.grantRunStatements(fn);
  for (const fn of [describeTable, maintain]) connections.grantAsk(fn);
  connections.grantStorePasswords(httpApi);
  connections.grantRemovePasswords(maintain);
  data.database.grantApplication(describeTable);
  data.credentials.modelKey.grantRead(describeTable, names.modelSecret);
  data.credentials.modelKey.grantRead(maintain, names.modelSecret);
  queues.catalog.grantSend(describeTable);
  queues.catalog.grantSend(maintain);
  queues.maintenance.grantSend(describeTable);
}

/** Who ends work tells of it. */
function grantTell(
  { ingestDocument, embedChunks, maintain, deadLetter, describeTable }: ServiceFunctions,
  events: Events,
): void {
  for (const fn of [ingestDocument, embedChunks, maintain, deadLetter, describeTable]) events.grantTell(fn);
}

type Called = Readonly<Record<Exclude<keyof ServiceFunctions, 'migrateDatabase'>, IFunction>>;

/** What is called: the functions themselves, or what leads to the version that is out. Migrations run once a deploy, and always the new ones. */
function release(
  scope: Construct,
  { migrateDatabase: _, ...functions }: ServiceFunctions,
  { name, operations, api }: StageSettings,
  alarms: Alarms,
): Called {
  if (operations.rollout === 'all-at-once') return functions;
  const { buffered: httpApi, streaming: httpStream } = api.provisionedConcurrency;
  return new Rollout(scope, 'Rollout', { alarms, apiName: restApiName(name) }).release(functions, {
    httpApi,
    httpStream,
  });
}

function deliver(functions: Called, queues: Queues, stage: StageSettings): void {
  const work = workConcurrency(stage);
  queues.uploads.deliverTo(functions.registerUpload, {
    batchSize: registerBatch,
    maximumConcurrency: registerConcurrency,
  });
  for (const priority of ['critical', 'default', 'low'] as const) {
    queues.ingest[priority].deliverTo(functions.ingestDocument, {
      batchSize: ingestBatch,
      maximumConcurrency: work.ingest[priority],
    });
    queues.embed[priority].deliverTo(functions.embedChunks, {
      batchSize: embedBatch,
      maximumConcurrency: work.embed[priority],
    });
  }
  queues.maintenance.deliverTo(functions.maintain, { batchSize: 1, maximumConcurrency: leastConcurrency });
  queues.catalog.deliverTo(functions.describeTable, {
    batchSize: describeBatch,
    maximumConcurrency: stage.connections.catalogConcurrency,
  });
  for (const queue of queues.all) {
    queue.deliverDeadLettersTo(functions.deadLetter, {
      batchSize: deadLetterBatch,
      maximumConcurrency: leastConcurrency,
    });
  }
}

interface MigrationParts {
  readonly functions: ServiceFunctions;
  readonly data: DataStack;
  readonly stage: StageSettings;
  readonly bundleDirectory: string;
}

/** `-c rotation=<anything new>` makes a deploy set the passwords of the login roles again, after their secrets were changed. */
function migrateFirst(scope: Construct, { functions, data, stage, bundleDirectory }: MigrationParts): void {
  const { migrateDatabase, ...others } = functions;
  data.database.grantOwnership(migrateDatabase);
  const migration = new Migration(scope, 'Migration', {
    migrate: migrateDatabase,
    timeout: migrationTimeout,
    directory: join(bundleDirectory, 'migrations'),
    settings: { database: stage.database.engineVersion, rotation: String(scope.node.tryGetContext('rotation') ?? '') },
  });
  migration.runBefore(Object.values(others));
}
