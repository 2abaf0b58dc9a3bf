import { Port } from 'aws-cdk-lib/aws-ec2';
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
  readonly port: number;
}

/** Pools connections of the application role. Session settings are made inside one function call, which the proxy does not see and so does not pin. */
export function addDatabaseProxy(
  scope: Construct,
  { cluster, network, login, port }: DatabaseProxyProps,
): DatabaseProxy {
  const group = network.securityGroup(scope, 'ProxySecurityGroup', 'RDS Proxy: admits functions, reaches Aurora');
  // A rule of its own inside the group: without one, EC2 would add its default, which allows everything.
  group.addEgressRule(network.addresses, Port.tcp(port), 'Aurora');
  return cluster.addProxy('Proxy', {
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
