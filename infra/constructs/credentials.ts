import type { IKey } from 'aws-cdk-lib/aws-kms';
import { RemovalPolicy, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { StageSettings } from '../stage-settings.ts';
import { GeneratedSecret } from './secrets.ts';

export interface CredentialsProps {
  readonly stage: StageSettings;
  readonly key: IKey;
}

/** Every secret that does not rotate by itself; the owner's password, which does, belongs to the database. */
export class Credentials extends Construct {
  /** Login of the role that may read and write under row-level security. */
  readonly application: GeneratedSecret;
  /** Login of the role that builds indexes and makes partitions. */
  readonly maintainer: GeneratedSecret;
  /** Login of the cache; undefined where it asks for none. */
  readonly cache: GeneratedSecret | undefined;
  /** Key of the model provider, which the operator puts here. */
  readonly modelKey: GeneratedSecret;
  /** Key of the operator, who makes and lists workspaces. */
  readonly operatorKey: GeneratedSecret;

  constructor(scope: Construct, id: string, { stage, key }: CredentialsProps) {
    super(scope, id);
    const keep = stage.operations.dataOnRemoval === 'keep';
    const shared = { key, removalPolicy: keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY };
    this.application = this.login('Application', 'dbrag_app', shared);
    this.maintainer = this.login('Maintainer', 'dbrag_maintainer', shared);
    this.cache = stage.cache.login === 'password' ? this.login('Cache', 'dbrag', shared) : undefined;
    this.modelKey = new GeneratedSecret(this, 'ModelKey', { ...shared, description: 'key of the model provider' });
    this.operatorKey = new GeneratedSecret(this, 'OperatorKey', { ...shared, description: 'key of the operator' });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'Two are keys that people or a provider hold; the logins open nothing from outside the network. All rotate by the runbook: a new value, then a deploy whose migration sets it.',
    });
  }

  private login(id: string, username: string, shared: { readonly key: IKey; readonly removalPolicy: RemovalPolicy }) {
    return new GeneratedSecret(this, id, { ...shared, description: `login of ${username}`, username });
  }
}
