import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnOutput, Fn, Stack, type StackProps } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { Cache } from './constructs/cache.ts';
import { Database } from './constructs/database.ts';
import { Keys } from './constructs/keys.ts';
import type { LogSettings } from './constructs/log-group.ts';
import { Network } from './constructs/network.ts';
import { StoredKey } from './constructs/secrets.ts';
import { Storage } from './constructs/storage.ts';
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
  readonly storage: Storage;
  readonly modelKey: StoredKey;
  readonly operatorKey: StoredKey;
  private readonly zones: number;

  constructor(scope: Construct, id: string, { stage, ...props }: DataStackProps) {
    super(scope, id, props);
    this.zones = stage.network.availabilityZones;
    this.keys = new Keys(this, 'Keys');
    this.logs = { key: this.keys.logs, days: stage.operations.logRetentionDays as RetentionDays };
    this.network = new Network(this, 'Network', { settings: stage.network, logs: this.logs });
    const shared = { stage, network: this.network, keys: this.keys };
    this.database = new Database(this, 'Database', { ...shared, logs: this.logs });
    this.cache = stage.cache.enabled ? new Cache(this, 'Cache', shared) : undefined;
    this.storage = new Storage(this, 'Storage', { stage, key: this.keys.data });
    this.modelKey = new StoredKey(this, 'ModelKey', {
      description: 'key of the model provider; put yours here',
      key: this.keys.secrets,
      rotation: 'Issued by the model provider; the runbook says how to change it.',
    });
    this.operatorKey = new StoredKey(this, 'OperatorKey', {
      description: 'key of the operator, who makes workspaces',
      key: this.keys.secrets,
      rotation: 'Held by people; the runbook says how to change it, and functions see the new one within minutes.',
    });
    new CfnOutput(this, 'BucketName', { value: this.storage.content.bucketName });
    new CfnOutput(this, 'ModelKeySecret', { value: this.modelKey.arn });
    new CfnOutput(this, 'OperatorKeySecret', { value: this.operatorKey.arn });
  }

  /** Zones by number, so that synthesis needs no account to look them up in. */
  override get availabilityZones(): string[] {
    return Array.from({ length: this.zones ?? 2 }, (_, at) => Fn.select(at, Fn.getAzs()));
  }
}
