import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { DatabaseCluster } from 'aws-cdk-lib/aws-rds';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { type RemovalPolicy, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { EnvironmentName } from '../../shared/core/env-names.ts';

/** Enough for 190 bits, in characters that need no quoting anywhere. */
const passwordLength = 32;
const keyLength = 48;

/** Something that a function may be allowed to read. */
export interface ReadableSecret {
  readonly arn: string;
  /** Lets a function read it, decrypted only on behalf of Secrets Manager, and tells it the ARN by `name`. */
  grantRead(grantee: LambdaFunction, name: EnvironmentName): void;
}

export interface GeneratedSecretProps {
  readonly description: string;
  readonly key: IKey;
  readonly removalPolicy: RemovalPolicy;
  /** Makes it `{username, password}` instead of a plain string. */
  readonly username?: string;
}

/** A generated secret: a login, or a key that its owner overwrites. */
export class GeneratedSecret extends Construct implements ReadableSecret {
  readonly secret: ISecret;
  private readonly key: IKey;

  constructor(scope: Construct, id: string, { description, key, removalPolicy, username }: GeneratedSecretProps) {
    super(scope, id);
    this.key = key;
    this.secret = new Secret(this, 'Secret', {
      description: `dbrag: ${description}`,
      encryptionKey: key,
      removalPolicy,
      generateSecretString: {
        passwordLength: username === undefined ? keyLength : passwordLength,
        excludePunctuation: true,
        ...(username === undefined
          ? {}
          : { secretStringTemplate: JSON.stringify({ username }), generateStringKey: 'password' }),
      },
    }) as ISecret;
  }

  get arn(): string {
    return this.secret.secretArn;
  }

  grantRead(grantee: LambdaFunction, name: EnvironmentName): void {
    grantReadSecret(grantee, this.arn, this.key);
    grantee.addEnvironment(name, this.arn);
  }
}

/** The owner's password: made, stored and rotated by RDS itself. */
export class ManagedPassword implements ReadableSecret {
  readonly arn: string;
  private readonly key: IKey;

  constructor(cluster: DatabaseCluster, key: IKey) {
    if (cluster.secret === undefined) throw new Error('The cluster does not manage its password.');
    this.arn = cluster.secret.secretArn;
    this.key = key;
  }

  grantRead(grantee: LambdaFunction, name: EnvironmentName): void {
    grantReadSecret(grantee, this.arn, this.key);
    grantee.addEnvironment(name, this.arn);
  }
}

function grantReadSecret(grantee: LambdaFunction, arn: string, key: IKey): void {
  grantee.addToRolePolicy(new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [arn] }));
  grantee.addToRolePolicy(
    new PolicyStatement({
      actions: ['kms:Decrypt'],
      resources: [key.keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${Stack.of(grantee).region}.amazonaws.com` } },
    }),
  );
}
