import { Peer, Port } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { ArnFormat, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import type { StageSettings } from '../stage-settings.ts';
import type { Network } from './network.ts';

export interface CustomerConnectionsProps {
  readonly stage: StageSettings;
  readonly network: Network;
  /** The key of credentials. */
  readonly key: IKey;
  /** The one function that connects. */
  readonly queryDatabase: LambdaFunction;
  /** The alias by which it is asked; undefined: by its name alone. */
  readonly alias: string | undefined;
}

/**
 * Access to customers' databases, held as narrowly as possible: one function reads passwords and connects, and may do
 * nothing else; the API stores and removes passwords and cannot read them; who wants to know something asks the function.
 */
export class CustomerConnections extends Construct {
  private readonly props: CustomerConnectionsProps;
  private readonly secretPrefix: string;

  constructor(scope: Construct, id: string, props: CustomerConnectionsProps) {
    super(scope, id);
    this.props = props;
    this.secretPrefix = `dbrag/${props.stage.name}/connections/`;
    this.connectOut();
    this.openPasswords();
    this.signIn();
  }

  /** Lets a function ask the one that connects. */
  grantAsk(grantee: LambdaFunction): void {
    const { queryDatabase, alias } = this.props;
    // Named and not referred to: callers would wait for the end of its rollout before their own began.
    const qualifier = alias === undefined ? '' : `:${alias}`;
    grantee.addToRolePolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [`${queryDatabase.functionArn}${qualifier}`],
      }),
    );
    grantee.addEnvironment(names.queryDatabaseFunction, `${queryDatabase.functionName}${qualifier}`);
  }

  /** Lets a function ask for statements to be run, within the limits of the stage. */
  grantRunStatements(grantee: LambdaFunction): void {
    this.grantAsk(grantee);
    grantee.addEnvironment(names.statementSettings, JSON.stringify(this.props.stage.connections.statements));
  }

  /** Lets a function store passwords and remove them, not read them. */
  grantStorePasswords(grantee: LambdaFunction): void {
    this.allow(grantee, ['secretsmanager:CreateSecret', 'secretsmanager:DeleteSecret']);
    this.allowKey(grantee, ['kms:GenerateDataKey', 'kms:Decrypt']);
    grantee.addEnvironment(names.connectionSecretPrefix, this.secretPrefix);
    grantee.addEnvironment(names.connectionSecretKey, this.props.key.keyArn);
  }

  /** Lets a function remove passwords that no connection needs any more. */
  grantRemovePasswords(grantee: LambdaFunction): void {
    this.allow(grantee, ['secretsmanager:DeleteSecret']);
  }

  private connectOut(): void {
    const { stage, network, queryDatabase } = this.props;
    const { allowedNetworks, publicConnectionPorts } = stage.connections;
    for (const range of allowedNetworks)
      queryDatabase.connections.allowTo(Peer.ipv4(range), Port.allTcp(), `Databases in ${range}`);
    for (const port of publicConnectionPorts)
      queryDatabase.connections.allowTo(Peer.anyIpv4(), Port.tcp(port), 'Public databases');
    network.grantSecrets(queryDatabase);
    queryDatabase.addEnvironment(
      names.networkRules,
      JSON.stringify({ allowedNetworks, publicPorts: publicConnectionPorts, loopback: stage.network.loopback }),
    );
  }

  private openPasswords(): void {
    this.allow(this.props.queryDatabase, ['secretsmanager:GetSecretValue']);
    this.allowKey(this.props.queryDatabase, ['kms:Decrypt']);
  }

  private signIn(): void {
    const { iamDatabaseUsers } = this.props.stage.connections;
    if (iamDatabaseUsers.length === 0) return;
    this.props.queryDatabase.addToRolePolicy(
      new PolicyStatement({ actions: ['rds-db:connect'], resources: [...iamDatabaseUsers] }),
    );
  }

  private allow(grantee: LambdaFunction, actions: string[]): void {
    grantee.addToRolePolicy(new PolicyStatement({ actions, resources: this.secretArns() }));
  }

  /** Only on behalf of Secrets Manager, and only for secrets of connections. */
  private allowKey(grantee: LambdaFunction, actions: string[]): void {
    grantee.addToRolePolicy(
      new PolicyStatement({
        actions,
        resources: [this.props.key.keyArn],
        conditions: {
          StringEquals: { 'kms:ViaService': `secretsmanager.${Stack.of(this).region}.amazonaws.com` },
          StringLike: { 'kms:EncryptionContext:SecretARN': this.secretArns() },
        },
      }),
    );
  }

  /**
   * Passwords are made while the system runs, so they are known by the form of their names: a workspace's 32 digits, then 32 of their own,
   * then the seven characters that Secrets Manager adds, which are not there yet when the right to create is asked for.
   */
  private secretArns(): string[] {
    const digits = '?'.repeat(32);
    const name = `${this.secretPrefix}${digits}/${digits}`;
    return [name, `${name}-${'?'.repeat(6)}`].map((resourceName) =>
      Stack.of(this).formatArn({
        service: 'secretsmanager',
        resource: 'secret',
        resourceName,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    );
  }
}
