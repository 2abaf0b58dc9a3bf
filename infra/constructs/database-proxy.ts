import {
  ClientPasswordAuthType,
  type DatabaseCluster,
  type DatabaseProxy,
  ProxyEndpointTargetRole,
} from 'aws-cdk-lib/aws-rds';
import { Duration } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { Network } from './network.ts';
import type { GeneratedSecret } from './secrets.ts';

export interface DatabaseProxyProps {
  readonly cluster: DatabaseCluster;
  readonly network: Network;
  readonly login: GeneratedSecret;
}

/** Pools connections of the application role. What it cannot see it does not pin: work begins with one function call. */
export function addDatabaseProxy(scope: Construct, { cluster, network, login }: DatabaseProxyProps): DatabaseProxy {
  const group = network.securityGroup(scope, 'ProxySecurityGroup', 'RDS Proxy: admits functions, reaches Aurora');
  const proxy = cluster.addProxy('Proxy', {
    vpc: network.vpc,
    vpcSubnets: network.dataSubnets,
    securityGroups: [group],
    secrets: [login.secret],
    requireTLS: true,
    clientPasswordAuthType: ClientPasswordAuthType.POSTGRES_SCRAM_SHA_256,
    maxConnectionsPercent: 90,
    borrowTimeout: Duration.seconds(10),
    idleClientTimeout: Duration.minutes(5),
  });
  return proxy;
}

/** Host name of an endpoint that leads to the readers. */
export function readerEndpointOf(proxy: DatabaseProxy, network: Network): string {
  return proxy.addEndpoint('Reader', {
    vpc: network.vpc,
    vpcSubnets: network.dataSubnets,
    securityGroups: proxy.connections.securityGroups,
    targetRole: ProxyEndpointTargetRole.READ_ONLY,
  }).endpoint;
}
