import { BackupVault } from 'aws-cdk-lib/aws-backup';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { BackupCopySettings } from './stage-settings.ts';

/** By name, since a stack of another region cannot refer to anything else. */
export const copiesVaultName = (stageName: string, { vault }: BackupCopySettings): string =>
  vault ?? `dbrag-${stageName}-copies`;

export interface CopiesStackProps extends StackProps {
  readonly vaultName: string;
}

/**
 * Copies of backups in a second region: a vault with its own key, from which nobody can remove a copy before its retention ends.
 * It survives its stack, for it is there when nothing else is.
 */
export class CopiesStack extends Stack {
  constructor(scope: Construct, id: string, { vaultName, ...props }: CopiesStackProps) {
    super(scope, id, props);
    const key = new Key(this, 'Key', {
      description: 'dbrag: copies of backups',
      enableKeyRotation: true,
      pendingWindow: Duration.days(30),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    new BackupVault(this, 'Vault', {
      backupVaultName: vaultName,
      encryptionKey: key,
      blockRecoveryPointDeletion: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}
