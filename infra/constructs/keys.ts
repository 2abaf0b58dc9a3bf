import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';

/** Deleting a key deletes what it encrypted: the longest time to think again that KMS offers. */
const pendingWindowDays = 30;

/**
 * Three customer-managed keys, so that a right to read logs is none to read documents, and a right to read documents none to
 * read credentials. All rotate every year.
 */
export class Keys extends Construct {
  /** Objects, queues, topics, the database, the cache, environments of functions. */
  readonly data: Key;
  readonly secrets: Key;
  readonly logs: Key;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.data = this.createKey('Data', 'Documents, vectors, messages');
    this.secrets = this.createKey('Secrets', 'Credentials');
    this.logs = this.createKey('Logs', 'Log groups');
    this.admitLogService();
    this.admitAlarms();
  }

  private createKey(id: string, description: string): Key {
    return new Key(this, id, {
      description: `dbrag: ${description.toLowerCase()}`,
      enableKeyRotation: true,
      pendingWindow: Duration.days(pendingWindowDays),
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  private admitLogService(): void {
    const { region, account, partition } = Stack.of(this);
    this.logs.addToResourcePolicy(
      new PolicyStatement({
        sid: 'LogGroupsOfThisAccount',
        principals: [new ServicePrincipal(`logs.${region}.amazonaws.com`)],
        actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
        resources: ['*'],
        conditions: {
          ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:${partition}:logs:${region}:${account}:*` },
        },
      }),
    );
  }

  private admitAlarms(): void {
    const { account } = Stack.of(this);
    this.data.addToResourcePolicy(
      new PolicyStatement({
        sid: 'EventsOfThisAccount',
        principals: ['s3', 'events', 'cloudwatch'].map((service) => new ServicePrincipal(`${service}.amazonaws.com`)),
        actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
    );
  }
}
