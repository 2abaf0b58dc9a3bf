import type { StageSettings } from '../../../infra/stage-settings.ts';
import {
  type Assertion,
  every,
  functionNamed,
  isOurFunction,
  type Json,
  leadsTo,
  list,
  resourceNamed,
  resourcesOf,
  type System,
  targetOf,
} from './assertion.ts';

const groupType = 'AWS::EC2::SecurityGroup';
const egressType = 'AWS::EC2::SecurityGroupEgress';
const ingressType = 'AWS::EC2::SecurityGroupIngress';
const anywhere = ['0.0.0.0/0', '::/0'];

/** Subnets whose route table has a way out. */
function subnetsWithRoutesOut({ data }: System): Set<string> {
  const tables = new Set(
    resourcesOf(data, 'AWS::EC2::Route').map(({ properties }) => targetOf(properties.RouteTableId) ?? ''),
  );
  return new Set(
    resourcesOf(data, 'AWS::EC2::SubnetRouteTableAssociation')
      .filter(({ properties }) => tables.has(targetOf(properties.RouteTableId) ?? ''))
      .map(({ properties }) => targetOf(properties.SubnetId) ?? ''),
  );
}

const isolated = (subnets: Json, system: System, { network: { existing } }: StageSettings) => {
  if (existing) return list(subnets).length > 0 && list(subnets).every((one) => existing.dataSubnets.includes(one));
  const out = subnetsWithRoutesOut(system);
  return list(subnets).length > 0 && list(subnets).every((subnet) => !out.has(targetOf(subnet) ?? ''));
};

const exposed = (system: System) => ({ Ref: [...subnetsWithRoutesOut(system)][0] });

const goesAnywhere = ({ CidrIp, CidrIpv6 }: Json) => anywhere.includes(CidrIp) || anywhere.includes(CidrIpv6);
const isHttps = ({ FromPort, ToPort, IpProtocol }: Json) => FromPort === 443 && ToPort === 443 && IpProtocol === 'tcp';

/** The function that connects to customers' databases, and the NAT instance that it goes through. */
const leadsOut = /^(FunctionsQueryDatabase|NetworkVpc.*Nat)/;

/** Groups that stand before data: the database, its proxy, the cache. */
const holdsData = /^(Database|Cache)/;
/** A network that belongs to somebody else is looked after by them. */
const ownNetwork = ({ network }: StageSettings) => network.existing === null;
const hasEndpoints = ({ network }: StageSettings) => network.interfaceEndpoints;

function outward(system: System): { id: string; rule: Json }[] {
  const inline = resourcesOf(system, groupType).flatMap(({ id, properties }) =>
    list(properties.SecurityGroupEgress).map((rule) => ({ id, rule })),
  );
  return [...inline, ...resourcesOf(system, egressType).map(({ id, properties }) => ({ id, rule: properties }))];
}

export const networkAssertions: readonly Assertion[] = [
  every({
    area: 'network',
    name: 'every security group states its egress, and none allows everything out',
    type: groupType,
    demand: ({ properties }) =>
      list(properties.SecurityGroupEgress).length > 0 &&
      list(properties.SecurityGroupEgress).every(({ IpProtocol }) => IpProtocol !== '-1'),
    break: ({ properties }) => {
      properties.SecurityGroupEgress = [{ CidrIp: '0.0.0.0/0', IpProtocol: '-1' }];
    },
  }),
  {
    area: 'network',
    name: 'what may go anywhere goes there by TLS, or to public databases from the one function that may',
    check: (system, { connections }) =>
      outward(system)
        .filter(({ rule }) => goesAnywhere(rule) && !isHttps(rule))
        .filter(({ id, rule }) => !(leadsOut.test(id) && connections.publicConnectionPorts.includes(rule.FromPort)))
        .map(({ id }) => id),
    spoil: (system) => {
      resourceNamed(system, groupType, 'FunctionsMaintain').properties.SecurityGroupEgress.push({
        CidrIp: '0.0.0.0/0',
        IpProtocol: 'tcp',
        FromPort: 25,
        ToPort: 25,
      });
    },
  },
  {
    area: 'network',
    name: 'groups reach others only on the ports of the database, the cache and TLS',
    check: (system, { database }) => {
      const ports = [database.port, 6379, 443];
      // A proxy asks the cluster for its port.
      const known = (port: Json) => ports.includes(port) || port?.['Fn::GetAtt']?.[1] === 'Endpoint.Port';
      return resourcesOf(system, egressType)
        .filter(
          ({ properties: { FromPort, ToPort } }) =>
            !known(FromPort) || JSON.stringify(FromPort) !== JSON.stringify(ToPort),
        )
        .map(({ id }) => id);
    },
    spoil: ({ service }) => {
      for (const { properties } of resourcesOf(service, egressType)) properties.ToPort = 65_535;
    },
  },
  every({
    area: 'network',
    name: 'nothing enters the database or the cache from a range of addresses',
    type: [groupType, ingressType],
    where: ({ id, properties }) => holdsData.test(id) || holdsData.test(targetOf(properties.GroupId) ?? ''),
    demand: ({ properties }) =>
      [properties, ...list(properties.SecurityGroupIngress)].every(({ CidrIp, CidrIpv6 }) => !CidrIp && !CidrIpv6),
    break: ({ properties }) => {
      properties.SecurityGroupIngress = [{ CidrIp: '10.0.0.0/16', IpProtocol: 'tcp', FromPort: 1, ToPort: 65_535 }];
    },
  }),
  every({
    area: 'network',
    name: 'nothing enters any group from the internet',
    type: [groupType, ingressType],
    demand: ({ properties }) => ![properties, ...list(properties.SecurityGroupIngress)].some(goesAnywhere),
    break: ({ properties }) => {
      properties.SecurityGroupIngress = [{ CidrIp: '0.0.0.0/0', IpProtocol: 'tcp', FromPort: 443, ToPort: 443 }];
    },
  }),
  every({
    area: 'network',
    name: 'the database stands in isolated subnets',
    type: 'AWS::RDS::DBSubnetGroup',
    demand: ({ properties }, system, stage) => isolated(properties.SubnetIds, system, stage),
    break: ({ properties }, system) => properties.SubnetIds.push(exposed(system)),
  }),
  every({
    area: 'network',
    name: 'the cache stands in isolated subnets',
    type: 'AWS::ElastiCache::ServerlessCache',
    demand: ({ properties }, system, stage) => isolated(properties.SubnetIds, system, stage),
    break: ({ properties }, system) => properties.SubnetIds.push(exposed(system)),
  }),
  every({
    area: 'network',
    name: 'the connection proxy stands in isolated subnets',
    binds: ({ database }) => database.proxy,
    type: 'AWS::RDS::DBProxy',
    demand: ({ properties }, system, stage) => isolated(properties.VpcSubnetIds, system, stage),
    break: ({ properties }, system) => properties.VpcSubnetIds.push(exposed(system)),
  }),
  every({
    area: 'network',
    name: 'database instances have no public address',
    type: 'AWS::RDS::DBInstance',
    demand: ({ properties }) => properties.PubliclyAccessible === false,
    break: ({ properties }) => {
      properties.PubliclyAccessible = true;
    },
  }),
  every({
    area: 'network',
    name: 'functions run in private subnets of the network, each in its own group',
    type: 'AWS::Lambda::Function',
    where: isOurFunction,
    demand: ({ id, properties }, _system, { network: { existing } }) =>
      list(properties.VpcConfig?.SubnetIds).length >= 2 &&
      list(properties.VpcConfig?.SubnetIds).every((subnet) =>
        existing ? existing.functionSubnets.includes(subnet) : targetOf(subnet)?.includes('FunctionsSubnet'),
      ) &&
      list(properties.VpcConfig?.SecurityGroupIds).length === 1 &&
      leadsTo(properties.VpcConfig.SecurityGroupIds[0], `${id.slice(0, -8)}SecurityGroup`),
    break: ({ properties }) => {
      properties.VpcConfig = undefined;
    },
  }),
  every({
    area: 'network',
    name: 'public subnets give nobody an address by default',
    binds: ownNetwork,
    type: 'AWS::EC2::Subnet',
    demand: ({ properties }) => properties.MapPublicIpOnLaunch !== true,
    break: ({ properties }) => {
      properties.MapPublicIpOnLaunch = true;
    },
  }),
  every({
    area: 'network',
    name: 'S3 is reached through a gateway endpoint on every private route table',
    binds: ownNetwork,
    type: 'AWS::EC2::VPCEndpoint',
    where: ({ properties }) => properties.VpcEndpointType === 'Gateway',
    demand: ({ properties }, _system, { network }) =>
      list(properties.RouteTableIds).length >= 2 * network.availabilityZones,
    break: ({ properties }) => properties.RouteTableIds.splice(1),
  }),
  every({
    area: 'network',
    name: 'flows of the whole network are logged',
    binds: ownNetwork,
    type: 'AWS::EC2::FlowLog',
    demand: ({ properties }) => properties.ResourceType === 'VPC' && properties.TrafficType === 'ALL',
    break: ({ properties }) => {
      properties.TrafficType = 'ACCEPT';
    },
  }),
  {
    area: 'network',
    name: 'AWS services have interface endpoints with private names',
    binds: hasEndpoints,
    check: (system) => {
      const present = resourcesOf(system, 'AWS::EC2::VPCEndpoint')
        .filter(({ properties }) => properties.VpcEndpointType === 'Interface' && properties.PrivateDnsEnabled)
        .map(({ properties }) => JSON.stringify(properties.ServiceName));
      return ['sqs', 'secretsmanager', 'kms', 'logs', 'sts', 'xray'].filter(
        (service) => !present.some((name) => name.includes(`.${service}"`)),
      );
    },
    spoil: (system) => {
      for (const { properties } of resourcesOf(system, 'AWS::EC2::VPCEndpoint')) properties.PrivateDnsEnabled = false;
    },
  },
  every({
    area: 'network',
    name: 'interface endpoints serve principals of this account only',
    binds: hasEndpoints,
    type: 'AWS::EC2::VPCEndpoint',
    where: ({ properties }) => properties.VpcEndpointType === 'Interface',
    demand: ({ properties }) =>
      list(properties.PolicyDocument?.Statement).length > 0 &&
      list(properties.PolicyDocument.Statement).every(
        ({ Condition }) => Condition?.StringEquals?.['aws:PrincipalAccount']?.Ref === 'AWS::AccountId',
      ),
    break: ({ properties }) => {
      properties.PolicyDocument.Statement[0].Condition = undefined;
    },
  }),
  {
    area: 'network',
    name: 'only functions that use the cache reach it',
    check: (system) => {
      const allowed = ['http/api', 'http/stream', 'queue/embed-chunks', 'queue/maintain'].map((handler) =>
        functionNamed(system, handler).id.slice(0, -8),
      );
      return resourcesOf(system.service, egressType)
        .filter(({ properties }) => properties.FromPort === 6379)
        .map(({ properties }) => targetOf(properties.GroupId) ?? '')
        .filter((group) => !allowed.some((name) => group.startsWith(`${name}SecurityGroup`)));
    },
    spoil: (system) => {
      const rule = resourcesOf(system.service, egressType).find(({ properties }) => properties.FromPort === 6379);
      if (rule) rule.properties.GroupId = { Ref: 'FunctionsMigrateDatabaseSecurityGroup' };
    },
  },
];
