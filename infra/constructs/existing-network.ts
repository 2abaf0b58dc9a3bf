import { type IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Validations } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { ExistingNetwork } from '../stage-settings.ts';

/** A VPC by what the stage says of it, so that synthesis needs no account to look it up in. */
export function existingVpc(scope: Construct, id: string, network: ExistingNetwork): IVpc {
  const vpc = Vpc.fromVpcAttributes(scope, id, {
    vpcId: network.vpcId,
    vpcCidrBlock: network.addresses,
    availabilityZones: [...network.zones],
    privateSubnetIds: [...network.functionSubnets],
    isolatedSubnetIds: [...network.dataSubnets],
  });
  Validations.of(vpc).acknowledge({
    id: 'Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId',
    reason: 'Nothing here writes routes into a network that belongs to somebody else.',
  });
  return vpc;
}
