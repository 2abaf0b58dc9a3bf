import {
  type CfnInstance,
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  type IConnectable,
  InstanceClass,
  InstanceSize,
  InstanceType,
  type IPeer,
  IpAddresses,
  type ISecurityGroup,
  type IVpc,
  type NatInstanceProviderV2,
  NatProvider,
  NatTrafficDirection,
  Peer,
  Port,
  SecurityGroup,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Tags, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { ConnectionSettings, NetworkSettings } from '../stage-settings.ts';
import { existingVpc } from './existing-network.ts';
import { addInterfaceEndpoints } from './interface-endpoints.ts';
import { encryptedLogGroup, type LogSettings } from './log-group.ts';

const https = Port.tcp(443);
/** Of a network that we make. */
const ownAddresses = '10.0.0.0/16';

export interface NetworkProps {
  readonly settings: NetworkSettings;
  readonly connections: ConnectionSettings;
  readonly logs: LogSettings;
}

/**
 * Three kinds of subnets: public ones hold only NAT, private ones the functions, isolated ones the database and the cache, which
 * have no way out at all.
 */
export class Network extends Construct {
  /** Every address of the network. */
  readonly addresses: IPeer;
  readonly vpc: IVpc;
  readonly functionSubnets: SubnetSelection = { subnetType: SubnetType.PRIVATE_WITH_EGRESS };
  readonly dataSubnets: SubnetSelection = { subnetType: SubnetType.PRIVATE_ISOLATED };
  private readonly endpoints: SecurityGroup | undefined;
  /** Apart, so that who needs nothing but passwords reaches no other endpoint. */
  private readonly secretsEndpoint: SecurityGroup | undefined;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    const { existing, interfaceEndpoints } = props.settings;
    this.addresses = Peer.ipv4(existing?.addresses ?? ownAddresses);
    this.vpc = existing ? existingVpc(this, 'Vpc', existing) : this.createVpc(props);
    if (interfaceEndpoints) {
      this.endpoints = this.securityGroup(this, 'EndpointSecurityGroup', 'Interface endpoints: admit functions');
      this.secretsEndpoint = this.securityGroup(
        this,
        'SecretsEndpointSecurityGroup',
        'Endpoint of Secrets Manager: admits functions',
      );
      addInterfaceEndpoints(this.vpc, this.functionSubnets, this.endpoints, this.secretsEndpoint);
    }
  }

  private createVpc({ settings, connections, logs }: NetworkProps): IVpc {
    const natInstance = settings.egress === 'nat-instance' ? natInstanceProvider() : undefined;
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(ownAddresses),
      maxAzs: settings.availabilityZones,
      natGateways: natInstance ? 1 : settings.availabilityZones,
      ...(natInstance ? { natGatewayProvider: natInstance } : {}),
      // Its only purpose is to empty a group that nothing here uses, at the price of a function with a managed policy.
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        { name: 'Public', subnetType: SubnetType.PUBLIC, cidrMask: 26, mapPublicIpOnLaunch: false },
        { name: 'Functions', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
        { name: 'Data', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
      ],
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
      flowLogs: {
        All: {
          trafficType: FlowLogTrafficType.ALL,
          destination: FlowLogDestination.toCloudWatchLogs(encryptedLogGroup(this, 'FlowLog', logs)),
        },
      },
    });
    if (natInstance) hardenNatInstance(natInstance, connections.publicConnectionPorts);
    // The CDK's classes are not declared for exact optional properties; its interfaces are what it accepts.
    return vpc as IVpc;
  }

  /** A group from which nothing goes out until something is granted. */
  securityGroup(scope: Construct, id: string, description: string): SecurityGroup {
    return new SecurityGroup(scope, id, {
      vpc: this.vpc,
      description,
      allowAllOutbound: false,
    });
  }

  /** AWS endpoints and model servers, which have no fixed addresses: TLS only. */
  grantHttps(from: IConnectable): void {
    from.connections.allowTo(Peer.anyIpv4(), https, 'AWS endpoints and model servers');
    if (this.endpoints) from.connections.allowTo(this.endpoints, https, 'Interface endpoints');
    if (this.secretsEndpoint) from.connections.allowTo(this.secretsEndpoint, https, 'Secrets Manager');
  }

  /** Secrets Manager and nothing else, where it has an address of its own in this network. */
  grantSecrets(from: IConnectable): void {
    if (this.secretsEndpoint) from.connections.allowTo(this.secretsEndpoint, https, 'Secrets Manager');
    else from.connections.allowTo(Peer.anyIpv4(), https, 'Secrets Manager, which has no fixed address');
  }
}

function natInstanceProvider(): NatInstanceProviderV2 {
  return NatProvider.instanceV2({
    instanceType: InstanceType.of(InstanceClass.T4G, InstanceSize.NANO),
    defaultAllowedTraffic: NatTrafficDirection.NONE,
    associatePublicIpAddress: true,
  });
}

/** It forwards TLS and connections to public databases from inside and nothing else, answers metadata requests only with a token, and keeps its disk encrypted. */
function hardenNatInstance(provider: NatInstanceProviderV2, databasePorts: readonly number[]): void {
  const group: ISecurityGroup = provider.securityGroup;
  group.addIngressRule(Peer.ipv4(ownAddresses), https, 'TLS of the functions');
  group.addEgressRule(Peer.anyIpv4(), https, 'AWS endpoints and model servers');
  for (const port of databasePorts) {
    group.addIngressRule(Peer.ipv4(ownAddresses), Port.tcp(port), 'Connections to public databases');
    group.addEgressRule(Peer.anyIpv4(), Port.tcp(port), 'Public databases');
  }
  for (const instance of provider.gatewayInstances) {
    const resource = instance.node.defaultChild as CfnInstance;
    resource.metadataOptions = { httpTokens: 'required', httpPutResponseHopLimit: 1 };
    resource.blockDeviceMappings = [{ deviceName: '/dev/xvda', ebs: { encrypted: true, volumeType: 'gp3' } }];
    Tags.of(instance).add('purpose', 'nat');
    Validations.of(instance).acknowledge(
      {
        id: 'AwsSolutions-EC28',
        reason: 'One-minute metrics of a NAT instance would cost more than half of its price.',
      },
      { id: 'AwsSolutions-EC29', reason: 'It holds no state and is replaced by deploying again.' },
    );
  }
}
