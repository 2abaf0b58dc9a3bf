import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { DatabaseCluster } from 'aws-cdk-lib/aws-rds';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { EnvironmentName } from '../../shared/core/env-names.ts';

/** Enough for 190 bits, in characters that need no quoting anywhere. */
const passwordLength = 32;

/** Reads one secret, decrypted only on behalf of Secrets Manager; the function learns its ARN by `name`. */
function grantReadSecret(
  grantee: LambdaFunction,
  secret: { readonly arn: string; readonly key: IKey },
  name: EnvironmentName,
): void {
  allowRead(grantee, secret);
  grantee.addEnvironment(name, secret.arn);
}

function allowRead(grantee: IGrantable & Construct, { arn, key }: { readonly arn: string; readonly key: IKey }): void {
  const { region } = Stack.of(grantee);
  const statements = [
    new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [arn] }),
    new PolicyStatement({
      actions: ['kms:Decrypt'],
      resources: [key.keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } },
    }),
  ];
  for (const statement of statements) grantee.grantPrincipal.addToPrincipalPolicy(statement);
}

export interface LoginProps {
  readonly username: string;
  readonly key: IKey;
}

/** `{username, password}` of a role that the migration creates; its password is set again at every deploy that changes it. */
export class Login extends Construct {
  readonly secret: ISecret;
  private readonly key: IKey;

  constructor(scope: Construct, id: string, { username, key }: LoginProps) {
    super(scope, id);
    this.key = key;
    this.secret = new Secret(this, 'Secret', {
      description: `dbrag: login of ${username}`,
      encryptionKey: key,
      removalPolicy: RemovalPolicy.DESTROY,
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username }),
        generateStringKey: 'password',
        passwordLength,
        excludePunctuation: true,
      },
    }) as ISecret;
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'Rotated by the runbook: a new value, then a deploy, whose migration sets it; reachable from the network only.',
    });
  }

  grantRead(grantee: LambdaFunction, name: EnvironmentName): void {
    grantReadSecret(grantee, { arn: this.secret.secretArn, key: this.key }, name);
  }
}

/** The owner's password: made, stored and rotated by RDS itself. */
export class RotatedSecret {
  private readonly arn: string;
  private readonly key: IKey;

  constructor(cluster: DatabaseCluster, key: IKey) {
    if (cluster.secret === undefined) throw new Error('The cluster does not manage its password.');
    this.arn = cluster.secret.secretArn;
    this.key = key;
  }

  grantRead(grantee: LambdaFunction, name: EnvironmentName): void {
    grantReadSecret(grantee, { arn: this.arn, key: this.key }, name);
  }
}

export interface StoredKeyProps {
  readonly description: string;
  readonly key: IKey;
  /** Why it does not rotate by itself. */
  readonly rotation: string;
}

/** A key as a plain string: generated, or overwritten by the operator with what a provider issued. */
export class StoredKey extends Construct {
  private readonly secret: Secret;
  private readonly key: IKey;

  constructor(scope: Construct, id: string, { description, key, rotation }: StoredKeyProps) {
    super(scope, id);
    this.key = key;
    this.secret = new Secret(this, 'Secret', {
      description: `dbrag: ${description}`,
      encryptionKey: key,
      removalPolicy: RemovalPolicy.DESTROY,
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
    });
    Validations.of(this).acknowledge({ id: 'AwsSolutions-SMG4', reason: rotation });
  }

  get arn(): string {
    return this.secret.secretArn;
  }

  grantRead(grantee: LambdaFunction, name: EnvironmentName): void {
    grantReadSecret(grantee, { arn: this.secret.secretArn, key: this.key }, name);
  }
}
