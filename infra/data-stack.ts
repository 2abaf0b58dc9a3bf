import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { CfnOutput, Fn, Stack, type StackProps } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { BackupCopies } from './constructs/backup-copies.ts';
import { Budget } from './constructs/budget.ts';
import { Cache } from './constructs/cache.ts';
import { Credentials } from './constructs/credentials.ts';
import { Database } from './constructs/database.ts';
import { Keys } from './constructs/keys.ts';
import type { LogSettings } from './constructs/log-group.ts';
import { Network } from './constructs/network.ts';
import { Storage } from './constructs/storage.ts';
import type { ExportedBucket } from './constructs/storage-access.ts';
import type { StageSettings } from './stage-settings.ts';

export interface DataStackProps extends StackProps {
  readonly stage: StageSettings;
}

/** What must survive: network, database, cache, buckets, secrets and the keys that they are encrypted with. */
export class DataStack extends Stack {
  readonly keys: Keys;
  readonly logs: LogSettings;
  readonly network: Network;
  readonly database: Database;
  readonly cache: Cache | undefined;
  /** The buckets, with ARNs under fixed export names, by which findings about their objects can be named exactly. */
  readonly storage: { readonly content: ExportedBucket; readonly audit: ExportedBucket };
  readonly credentials: Credentials;
  private readonly zones: number;

  constructor(scope: Construct, id: string, { stage, ...props }: DataStackProps) {
    super(scope, id, props);
    this.zones = stage.network.availabilityZones;
    this.keys = new Keys(this, 'Keys');
    this.logs = {
      key: this.keys.logs,
      days: stage.operations.logRetentionDays as RetentionDays,
      keep: stage.operations.logsOnRemoval === 'keep',
    };
    this.network = new Network(this, 'Network', {
      settings: stage.network,
      connections: stage.connections,
      logs: this.logs,
    });
    const shared = { stage, network: this.network, keys: this.keys };
    this.credentials = new Credentials(this, 'Credentials', { stage, key: this.keys.secrets });
    this.database = new Database(this, 'Database', { ...shared, logs: this.logs, credentials: this.credentials });
    this.cache = stage.cache.enabled
      ? new Cache(this, 'Cache', { ...shared, login: this.credentials.cache })
      : undefined;
    const { content, audit } = new Storage(this, 'Storage', { stage, key: this.keys.data });
    this.storage = { content: this.exportArn(content, 'content'), audit: this.exportArn(audit, 'audit') };
    const { budget, alarmEmail, backupCopies } = stage.operations;
    if (backupCopies !== null)
      new BackupCopies(this, 'BackupCopies', {
        settings: backupCopies,
        stageName: stage.name,
        key: this.keys.data,
        clusterArn: this.database.clusterArn,
        buckets: [content, audit],
      });
    if (budget !== null) new Budget(this, 'Budget', { settings: budget, stageName: stage.name, email: alarmEmail });
    new CfnOutput(this, 'BucketName', { value: content.bucketName });
    new CfnOutput(this, 'ModelKeySecret', { value: this.credentials.modelKey.arn });
    new CfnOutput(this, 'OperatorKeySecret', { value: this.credentials.operatorKey.arn });
  }

  private exportArn(bucket: IBucket, name: string): ExportedBucket {
    const arnExport = `${this.stackName}-${name}-arn`;
    this.exportValue(bucket.bucketArn, { name: arnExport });
    return { bucket, arnExport };
  }

  /** Zones by number, so that synthesis needs no account to look them up in. */
  override get availabilityZones(): string[] {
    return Array.from({ length: this.zones ?? 2 }, (_, at) => Fn.select(at, Fn.getAzs()));
  }
}
