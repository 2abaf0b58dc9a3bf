import {
  type Assertion,
  isOurFunction,
  leadsTo,
  list,
  resourceNamed,
  resourcesOf,
  type System,
  targetOf,
} from './assertion.ts';

const everywhere = '0.0.0.0/0';

/** Subnets whose route table sends what goes out to a NAT. */
function subnetsBehindNat({ data }: System): Set<string> {
  const tables = resourcesOf(data, 'AWS::EC2::Route')
    .filter(({ properties }) => properties.DestinationCidrBlock === everywhere)
    .filter(({ properties }) => properties.NatGatewayId !== undefined || properties.InstanceId !== undefined)
    .map(({ properties }) => targetOf(properties.RouteTableId) ?? '');
  return new Set(
    resourcesOf(data, 'AWS::EC2::SubnetRouteTableAssociation')
      .filter(({ properties }) => tables.includes(targetOf(properties.RouteTableId) ?? ''))
      .map(({ properties }) => targetOf(properties.SubnetId) ?? ''),
  );
}

/** Rules of a function's group that let it speak TLS, to anywhere or to the endpoint of Secrets Manager. */
function mayAskForSecrets(system: System, group: string): boolean {
  const inline = resourcesOf(system, 'AWS::EC2::SecurityGroup')
    .filter(({ id }) => id === group)
    .flatMap(({ properties }) => list(properties.SecurityGroupEgress));
  const apart = resourcesOf(system, 'AWS::EC2::SecurityGroupEgress')
    .map(({ properties }) => properties)
    .filter(({ GroupId }) => targetOf(GroupId) === group);
  return [...inline, ...apart].some(
    ({ FromPort, CidrIp, DestinationSecurityGroupId }) =>
      FromPort === 443 &&
      (CidrIp === everywhere || leadsTo(DestinationSecurityGroupId, 'NetworkSecretsEndpointSecurityGroup')),
  );
}

export const waysOutAssertions: readonly Assertion[] = [
  {
    area: 'network',
    name: 'every function that reads a secret reaches Secrets Manager: by its endpoint, or by TLS behind a NAT',
    check: (system, { network }) => {
      const behindNat = subnetsBehindNat(system);
      return resourcesOf(system, 'AWS::Lambda::Function')
        .filter(isOurFunction)
        .filter(({ properties: { VpcConfig } }) => {
          const allowed = mayAskForSecrets(system, targetOf(VpcConfig.SecurityGroupIds[0]) ?? '');
          const routed =
            network.interfaceEndpoints ||
            network.existing !== null ||
            list(VpcConfig.SubnetIds).every((subnet) =>
              [...behindNat].some((id) => leadsTo(subnet, id) || targetOf(subnet) === id),
            );
          return !allowed || !routed;
        })
        .map(({ id }) => id);
    },
    spoil: (system) => {
      const { properties } = resourceNamed(system, 'AWS::EC2::SecurityGroup', 'FunctionsHttpApi');
      for (const rule of list(properties.SecurityGroupEgress)) rule.ToPort = rule.FromPort = 80;
      for (const one of resourcesOf(system, 'AWS::EC2::SecurityGroupEgress')) one.properties.FromPort = 80;
    },
  },
  {
    area: 'network',
    name: 'every zone has its own way out',
    binds: ({ network }) => network.egress === 'nat-gateway-per-zone',
    check: (system, { network }) => {
      const found = resourcesOf(system, 'AWS::EC2::NatGateway').length;
      return found === network.availabilityZones ? [] : [`${found} NAT gateways`];
    },
    spoil: ({ data }) => {
      const gateway = resourcesOf(data, 'AWS::EC2::NatGateway')[0];
      if (gateway) delete data.Resources[gateway.id];
    },
  },
  {
    area: 'network',
    name: 'nothing is made or changed in a network that was there before',
    binds: ({ network }) => network.existing !== null,
    check: (system) =>
      resourcesOf(system, ['AWS::EC2::VPC', 'AWS::EC2::Subnet', 'AWS::EC2::Route', 'AWS::EC2::NatGateway']).map(
        ({ id }) => id,
      ),
    spoil: ({ data }) => {
      data.Resources.Route = { Type: 'AWS::EC2::Route', Properties: {} };
    },
  },
];
