import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { RemovalPolicy } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';

export interface LogSettings {
  readonly key: IKey;
  readonly days: RetentionDays;
}

/** A log group that is encrypted with our key and ends. Logs hold no documents, so they leave with the stack. */
export function encryptedLogGroup(scope: Construct, id: string, logs: LogSettings, name?: string): LogGroup {
  return new LogGroup(scope, id, {
    encryptionKey: logs.key,
    retention: logs.days,
    removalPolicy: RemovalPolicy.DESTROY,
    ...(name === undefined ? {} : { logGroupName: name }),
  });
}
