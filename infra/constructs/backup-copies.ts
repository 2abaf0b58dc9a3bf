import {
  BackupPlan,
  BackupPlanRule,
  BackupResource,
  BackupVault,
  type CfnBackupVault,
  type IBackupVault,
} from 'aws-cdk-lib/aws-backup';
import { Schedule } from 'aws-cdk-lib/aws-events';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { ArnFormat, Duration, Fn, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { copiesVaultName } from '../copies-stack.ts';
import type { BackupCopySettings } from '../stage-settings.ts';

/** After the cluster's own backup, and before the nightly pass changes anything. */
const schedule = Schedule.cron({ minute: '0', hour: '3' });
/** The resources that are copied; within the region, the cluster keeps its own backups, and the buckets old versions. */
const keptHere = Duration.days(2);
/** AWS's own rights for its own service, which come with the names that IAM4 wants to know. */
const managedPolicies = [
  'service-role/AWSBackupServiceRolePolicyForBackup',
  'AWSBackupServiceRolePolicyForS3Backup',
] as const;

export interface BackupCopiesProps {
  readonly settings: BackupCopySettings;
  readonly stageName: string;
  readonly key: IKey;
  readonly clusterArn: string;
  readonly buckets: readonly IBucket[];
}

/** Every night a backup of the database and the buckets, and a copy of it in a second region. */
export class BackupCopies extends Construct {
  constructor(scope: Construct, id: string, { settings, stageName, key, clusterArn, buckets }: BackupCopiesProps) {
    super(scope, id);
    const vault = new BackupVault(this, 'Vault', {
      encryptionKey: key,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    // It outlives its stack, and the next stack could not make one of the same name. CloudFormation generates none; the L2's own is the same each time.
    (vault.node.defaultChild as CfnBackupVault).backupVaultName = Fn.join('-', [
      `dbrag-${stageName}`,
      partOfStackId(this),
    ]);
    const plan = new BackupPlan(this, 'Plan', { backupPlanName: `dbrag-${stageName}`, backupVault: vault });
    plan.addRule(
      new BackupPlanRule({
        ruleName: 'nightly',
        scheduleExpression: schedule,
        deleteAfter: keptHere,
        copyActions: [
          {
            destinationBackupVault: this.vaultIn(settings.region, copiesVaultName(stageName, settings)),
            deleteAfter: Duration.days(settings.days),
          },
        ],
      }),
    );
    plan.addSelection('Everything', {
      backupSelectionName: 'everything',
      role: this.createRole(),
      disableDefaultBackupPolicy: true,
      resources: [clusterArn, ...buckets.map(({ bucketArn }) => bucketArn)].map((arn) => BackupResource.fromArn(arn)),
    });
  }

  private vaultIn(region: string, name: string): IBackupVault {
    const arn = Stack.of(this).formatArn({
      service: 'backup',
      region,
      resource: 'backup-vault',
      resourceName: name,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    return BackupVault.fromBackupVaultArn(this, 'Copies', arn);
  }

  private createRole(): Role {
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('backup.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      managedPolicies: managedPolicies.map((name) => ManagedPolicy.fromAwsManagedPolicyName(name)),
    });
    Validations.of(role).acknowledge(
      ...managedPolicies.map((name) => ({
        id: `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${name}]`,
        reason:
          'What AWS Backup needs changes with the service, and a right that it lacks shows when a backup is wanted.',
      })),
    );
    return role;
  }
}

/** Eight digits that differ from one making of the stack to the next: the first of the UUID at the end of its ARN. */
function partOfStackId(scope: Construct): string {
  const uuid = Fn.select(2, Fn.split('/', Stack.of(scope).stackId));
  return Fn.select(0, Fn.split('-', uuid));
}
