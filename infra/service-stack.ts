import { join } from 'node:path';
import { Code } from 'aws-cdk-lib/aws-lambda';
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
  type ReleasedFunctions,
  type ServiceFunctions,
} from './constructs/service-functions.ts';
import { StorageAccess } from './constructs/storage-access.ts';
import { UploadNotification } from './constructs/upload-notification.ts';
import { Watching } from './constructs/watching/watching.ts';
import type { DataStack } from './data-stack.ts';
import { deliverQueues } from './event-sources.ts';
import { grantConnections, grantEvents, grantHttp, grantWorkers } from './service-grants.ts';
import type { StageSettings } from './stage-settings.ts';

/** Objects below it become documents. */
const uploadPrefix = 'uploads/';

export interface ServiceStackProps extends StackProps {
  readonly stage: StageSettings;
  readonly data: DataStack;
  /** The bundled handlers. */
  readonly bundleDirectory: string;
}

/** Everything that holds no data and can be recreated: queues, functions, the API, alarms. */
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
    if (stage.operations.events) grantEvents(functions, new Events(this, 'Events', stage.name));
    const released = release(this, functions, stage, alarms);
    deliverQueues(released, queues, stage);
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
      buffered: released.httpApi,
      streaming: released.httpStream,
      alarms,
    });
    if (stage.api.firewall) new Firewall(this, 'Firewall', api.stage);
    new Watching(this, 'Watching', { stage, alarms, queues, functions, api, proxyName: data.database.proxyName });
    new CfnOutput(this, 'ApiUrl', { value: api.url });
    new CfnOutput(this, 'GatewayUrl', { value: api.gatewayUrl });
  }
}

/** Days for which what was erased may still be in a backup. */
function daysInBackups({ database, operations }: StageSettings): number {
  return Math.max(database.backupDays, operations.backupCopies?.days ?? 0);
}

/**
 * What callers invoke: the functions themselves, or aliases of the released versions. `migrateDatabase` has none: it runs once a deploy, and
 * always in its new version.
 */
function release(
  scope: Construct,
  { migrateDatabase: _, ...functions }: ServiceFunctions,
  { name, operations, api }: StageSettings,
  alarms: Alarms,
): ReleasedFunctions {
  if (operations.rollout === 'all-at-once') return functions;
  const { buffered: httpApi, streaming: httpStream } = api.provisionedConcurrency;
  return new Rollout(scope, 'Rollout', { alarms, apiName: restApiName(name) }).release(functions, {
    httpApi,
    httpStream,
  });
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
