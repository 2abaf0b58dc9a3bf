import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { RemovalPolicy } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';

export interface LogSettings {
  readonly key: IKey;
  readonly days: RetentionDays;
  /** Whether logs outlive the stack. */
  readonly keep: boolean;
}

/** A log group that is encrypted with our key and ends. */
export function encryptedLogGroup(scope: Construct, id: string, logs: LogSettings, name?: string): LogGroup {
  return new LogGroup(scope, id, {
    encryptionKey: logs.key,
    retention: logs.days,
    removalPolicy: logs.keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    ...(name === undefined ? {} : { logGroupName: name }),
  });
}
