import { Connections, Port } from 'aws-cdk-lib/aws-ec2';
import { CfnServerlessCache, CfnUser, CfnUserGroup } from 'aws-cdk-lib/aws-elasticache';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Fn } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import type { CacheSettings, StageSettings } from '../stage-settings.ts';
import type { Keys } from './keys.ts';
import type { Network } from './network.ts';
import type { GeneratedSecret } from './secrets.ts';

/** Where a serverless cache listens; it cannot be chosen. */
const port = 6379;
const majorEngineVersions = { valkey: '8', redis: '7' } as const;

/**
 * All data commands and scripts, nothing that administers or reads other clients. `info` and the cluster's map are what clients
 * ask for when they connect.
 */
const accessString = 'on ~* &* +@all -@admin -@dangerous +info +cluster|slots +cluster|shards +cluster|info';

export interface CacheProps {
  readonly stage: StageSettings;
  readonly network: Network;
  readonly keys: Keys;
  /** Undefined: the cache asks for no login. */
  readonly login: GeneratedSecret | undefined;
}

/** A cache and never the truth: it may vanish at any time, so nothing is kept when it is removed. */
export class Cache extends Construct {
  private readonly settings: CacheSettings;
  private readonly scheme: string;
  private readonly login: GeneratedSecret | undefined;
  private readonly connections: Connections;
  private readonly cache: CfnServerlessCache;

  constructor(scope: Construct, id: string, { stage, network, keys, login }: CacheProps) {
    super(scope, id);
    this.settings = stage.cache;
    this.login = login;
    this.scheme = schemeOf(stage);
    const group = network.securityGroup(this, 'SecurityGroup', 'Cache: admits functions, reaches nothing');
    this.connections = new Connections({ securityGroups: [group], defaultPort: Port.tcp(port) });
    this.cache = new CfnServerlessCache(this, 'Serverless', {
      serverlessCacheName: `dbrag-${stage.name}`,
      description: 'dbrag: vectors of questions, results, limits',
      engine: this.settings.engine,
      majorEngineVersion: majorEngineVersions[this.settings.engine],
      cacheUsageLimits: { dataStorage: { maximum: this.settings.maxGigabytes, unit: 'GB' } },
      kmsKeyId: keys.data.keyArn,
      subnetIds: network.vpc.selectSubnets(network.dataSubnets).subnetIds,
      securityGroupIds: [group.securityGroupId],
      // Nothing in it is worth restoring.
      snapshotRetentionLimit: 0,
    });
    if (login) this.admitOnly(login, stage.name);
  }

  /** Lets a function use the cache; without this it sees no cache and works without. */
  grantUse(grantee: LambdaFunction): void {
    grantee.connections.allowTo(this.connections, Port.tcp(port), 'Cache');
    const { attrEndpointAddress: host, attrEndpointPort } = this.cache;
    grantee.addEnvironment(names.cacheUrl, Fn.join('', [`${this.scheme}://`, host, ':', attrEndpointPort]));
    const { questionTtl, chunkTtl, metadataTtl, queryTtl } = this.settings;
    grantee.addEnvironment(names.cacheSettings, JSON.stringify({ questionTtl, chunkTtl, metadataTtl, queryTtl }));
    this.login?.grantRead(grantee, names.cacheSecret);
  }

  private admitOnly(login: GeneratedSecret, stageName: string): void {
    const engine = this.settings.engine;
    const user = new CfnUser(this, 'User', {
      userId: `dbrag-${stageName}`,
      userName: 'dbrag',
      engine,
      accessString,
      authenticationMode: {
        Type: 'password',
        Passwords: [login.secret.secretValueFromJson('password').unsafeUnwrap()],
      },
    });
    const users = engine === 'redis' ? [user, this.switchedOffDefaultUser(stageName)] : [user];
    const group = new CfnUserGroup(this, 'Users', {
      userGroupId: `dbrag-${stageName}`,
      engine,
      userIds: users.map(({ ref }) => ref),
    });
    this.cache.userGroupId = group.ref;
  }

  /** Redis OSS wants a user of this name in every group; Valkey does not. */
  private switchedOffDefaultUser(stageName: string): CfnUser {
    return new CfnUser(this, 'DefaultUser', {
      userId: `dbrag-${stageName}-default`,
      userName: 'default',
      engine: 'redis',
      accessString: 'off ~* -@all',
      authenticationMode: { Type: 'no-password-required' },
    });
  }
}

function schemeOf({ network, cache }: StageSettings): string {
  if (network.loopback) return 'redis';
  return cache.mode === 'cluster' ? 'rediss+cluster' : 'rediss';
}
