import { type IConnectable, Port, type SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import {
  AuroraPostgresEngineVersion,
  type CfnDBCluster,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
  type DatabaseProxy,
  type IClusterEngine,
  ParameterGroup,
  PerformanceInsightRetention,
} from 'aws-cdk-lib/aws-rds';
import { Duration, RemovalPolicy } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import type { DatabaseSettings, StageSettings } from '../stage-settings.ts';
import type { Credentials as StoredCredentials } from './credentials.ts';
import { clusterParameters } from './database-parameters.ts';
import { addDatabaseProxy, readerEndpointOf } from './database-proxy.ts';
import type { Keys } from './keys.ts';
import { encryptedLogGroup, type LogSettings } from './log-group.ts';
import type { Network } from './network.ts';
import { ManagedPassword, type ReadableSecret } from './secrets.ts';

const databaseName = 'dbrag';

const engines: Readonly<Record<DatabaseSettings['engineVersion'], IClusterEngine>> = {
  '17.9': DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_17_9 }),
  '18.6': DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_18_6 }),
};

export interface DatabaseProps {
  readonly stage: StageSettings;
  readonly network: Network;
  readonly keys: Keys;
  readonly logs: LogSettings;
  readonly credentials: StoredCredentials;
}

/** Aurora PostgreSQL and the three ways to connect: as the application, as the maintainer, and as the migration. */
export class Database extends Construct {
  private readonly cluster: DatabaseCluster;
  private readonly proxy: DatabaseProxy | undefined;
  private readonly proxyReaderHost: string | undefined;
  private readonly owner: ReadableSecret;
  private readonly credentials: StoredCredentials;
  private readonly stage: StageSettings;

  constructor(scope: Construct, id: string, props: DatabaseProps) {
    super(scope, id);
    const { stage, network, keys, credentials } = props;
    this.credentials = credentials;
    this.stage = stage;
    const group = network.securityGroup(this, 'SecurityGroup', 'Aurora: admits functions, reaches nothing');
    this.cluster = this.createCluster(props, group);
    this.owner = new ManagedPassword(this.cluster, keys.secrets);
    if (stage.database.proxy) {
      this.proxy = addDatabaseProxy(this, {
        cluster: this.cluster,
        network,
        login: credentials.application,
        port: stage.database.port,
      });
      this.proxyReaderHost = stage.database.readers > 0 ? readerEndpointOf(this.proxy, network) : undefined;
    }
  }

  /** For its metrics; undefined where the stage has none. */
  get proxyName(): string | undefined {
    return this.proxy?.dbProxyName;
  }

  get clusterArn(): string {
    return this.cluster.clusterArn;
  }

  /** Lets a function connect as the application role, through the proxy where the stage has one. */
  grantApplication(grantee: LambdaFunction): void {
    const target = this.proxy ?? this.cluster;
    const host = this.proxy?.endpoint ?? this.cluster.clusterEndpoint.hostname;
    this.connect(grantee, target, host);
    grantee.addEnvironment(names.databaseReaderHost, this.readerHost(host));
    grantee.addEnvironment(names.databasePreparedStatements, String(this.proxy === undefined));
    this.credentials.application.grantRead(grantee, names.databaseSecret);
  }

  /** Lets a function build indexes and move partitions: on the writer itself, since a proxy would cut the session. */
  grantMaintenance(grantee: LambdaFunction): void {
    const host = this.cluster.clusterEndpoint.hostname;
    this.connect(grantee, this.cluster, host);
    grantee.addEnvironment(names.databaseReaderHost, host);
    this.credentials.maintainer.grantRead(grantee, names.databaseSecret);
  }

  /** Lets the migration make roles and schema, and give the two login roles their passwords. */
  grantOwnership(grantee: LambdaFunction): void {
    this.connect(grantee, this.cluster, this.cluster.clusterEndpoint.hostname);
    grantee.addEnvironment(names.databasePartitions, String(this.stage.database.partitions));
    this.owner.grantRead(grantee, names.databaseOwnerSecret);
    this.credentials.application.grantRead(grantee, names.databaseApplicationSecret);
    this.credentials.maintainer.grantRead(grantee, names.databaseMaintainerSecret);
  }

  private connect(grantee: LambdaFunction, target: IConnectable, host: string): void {
    const { port } = this.stage.database;
    grantee.connections.allowTo(target, Port.tcp(port), 'PostgreSQL');
    grantee.addEnvironment(names.databaseHost, host);
    grantee.addEnvironment(names.databasePort, String(port));
    grantee.addEnvironment(names.databaseName, databaseName);
    grantee.addEnvironment(names.databaseTls, this.stage.network.loopback ? 'off' : 'verify');
  }

  private readerHost(writer: string): string {
    if (this.stage.database.readers === 0) return writer;
    return this.proxyReaderHost ?? this.cluster.clusterReadEndpoint.hostname;
  }

  private createCluster({ stage, network, keys, logs }: DatabaseProps, group: SecurityGroup): DatabaseCluster {
    const { database, operations } = stage;
    const engine = engines[database.engineVersion];
    const identifier = `dbrag-${stage.name}`;
    const logGroup = encryptedLogGroup(this, 'Logs', logs, `/aws/rds/cluster/${identifier}/postgresql`);
    const insights = insightsOf(database, keys);
    const instance = { publiclyAccessible: false, ...insights } as const;
    const cluster = new DatabaseCluster(this, 'Cluster', {
      engine,
      // Fixed, so that the log group exists, encrypted and with an end, before the cluster writes to it.
      clusterIdentifier: identifier,
      // Not the schema's owner, which is a role without a login.
      credentials: Credentials.fromUsername('dbrag_admin'),
      manageMasterUserPassword: true,
      defaultDatabaseName: databaseName,
      port: database.port,
      parameterGroup: new ParameterGroup(this, 'Parameters', {
        engine,
        description: 'dbrag: TLS only, statistics, audit of schema changes',
        parameters: clusterParameters(database),
      }),
      writer: ClusterInstance.serverlessV2('Writer', instance),
      readers: Array.from({ length: database.readers }, (_, at) =>
        ClusterInstance.serverlessV2(`Reader${at + 1}`, { ...instance, scaleWithWriter: at === 0 }),
      ),
      serverlessV2MinCapacity: database.capacity.minimum,
      serverlessV2MaxCapacity: database.capacity.maximum,
      ...(database.capacity.minimum === 0
        ? { serverlessV2AutoPauseDuration: Duration.seconds(database.autoPauseAfter) }
        : {}),
      vpc: network.vpc,
      vpcSubnets: network.dataSubnets,
      securityGroups: [group],
      storageEncryptionKey: keys.data,
      iamAuthentication: true,
      deletionProtection: operations.dataOnRemoval === 'keep',
      removalPolicy: operations.dataOnRemoval === 'keep' ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY,
      backup: { retention: Duration.days(database.backupDays), preferredWindow: '02:00-03:00' },
      preferredMaintenanceWindow: 'sun:04:00-sun:05:00',
      copyTagsToSnapshot: true,
      cloudwatchLogsExports: ['postgresql'],
      ...insights,
    });
    cluster.node.addDependency(logGroup);
    encryptManagedPassword(cluster, keys);
    return cluster;
  }
}

function insightsOf({ performanceInsights }: DatabaseSettings, keys: Keys) {
  if (!performanceInsights) return {};
  return {
    enablePerformanceInsights: true,
    performanceInsightRetention: PerformanceInsightRetention.DEFAULT,
    performanceInsightEncryptionKey: keys.data,
  } as const;
}

/** The L2 offers no key for the password that RDS manages. */
function encryptManagedPassword(cluster: DatabaseCluster, keys: Keys): void {
  const resource = cluster.node.defaultChild as CfnDBCluster;
  resource.masterUserSecret = { kmsKeyId: keys.secrets.keyArn };
}
