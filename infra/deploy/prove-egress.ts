import {
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  type IpPermission,
  type Route,
  type RouteTable,
  type RouteTableAssociation,
} from '@aws-sdk/client-ec2';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { DescribeDBClustersCommand, DescribeDBSubnetGroupsCommand } from '@aws-sdk/client-rds';
import type { StageSettings } from '../stage-settings.ts';
import type { Clients } from './clients.ts';
import { CommandError, type Finding, fine, problem } from './finding.ts';

const https = 443;
/** The one function that talks to machines of others, and only to their databases. */
const isSecluded = (name: string): boolean => /QueryDatabase/.test(name);
const everywhere: readonly (string | undefined)[] = ['0.0.0.0/0', '::/0'];

/**
 * Whether functions reach more of the internet than they must: by what their security groups let out, as it is now and not as a template said.
 * @param functions names of the stage's own
 */
export async function keepsFunctionsIn(
  clients: Clients,
  stage: StageSettings,
  functions: readonly string[],
): Promise<Finding> {
  const subject = 'ways out of functions';
  const open: string[] = [];
  for (const FunctionName of functions) {
    const { VpcConfig } = await clients.functions.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const groups = VpcConfig?.SecurityGroupIds ?? [];
    if (groups.length === 0) {
      open.push(`${FunctionName} stands in no network, so nothing holds it`);
      continue;
    }
    const allowed = isSecluded(FunctionName) ? portsOfSecluded(stage) : [https];
    const { SecurityGroups = [] } = await clients.network.send(new DescribeSecurityGroupsCommand({ GroupIds: groups }));
    const rules = SecurityGroups.flatMap(({ IpPermissionsEgress = [] }) => IpPermissionsEgress);
    open.push(
      ...rules
        .filter((rule) => leadsOut(rule, stage) && !isWithin(rule, allowed))
        .map((rule) => `${FunctionName} reaches ${portsOf(rule)} of ${networksOf(rule).join(', ')}`),
    );
  }
  return open.length === 0
    ? fine(subject, `${functions.length} functions reach what they must, and the one of databases no other server`)
    : problem(subject, `${open.join('; ')}: somebody has changed a security group, so find out who and deploy again.`);
}

/** TLS only where Secrets Manager has no address of its own in the network. */
function portsOfSecluded({ connections, network }: StageSettings): readonly number[] {
  return [...connections.publicConnectionPorts, ...(network.interfaceEndpoints ? [] : [https])];
}

const networksOf = ({ IpRanges = [], Ipv6Ranges = [] }: IpPermission): string[] =>
  [...IpRanges.map(({ CidrIp }) => CidrIp), ...Ipv6Ranges.map(({ CidrIpv6 }) => CidrIpv6)].map((range) => range ?? '');

/** To addresses that the stage does not name; what leads to a group leads to something of ours. */
function leadsOut(rule: IpPermission, { connections }: StageSettings): boolean {
  return networksOf(rule).some((network) => !connections.allowedNetworks.includes(network));
}

function isWithin({ IpProtocol, FromPort, ToPort }: IpPermission, allowed: readonly number[]): boolean {
  return IpProtocol === 'tcp' && FromPort !== undefined && FromPort === ToPort && allowed.includes(FromPort);
}

function portsOf({ IpProtocol, FromPort, ToPort }: IpPermission): string {
  if (IpProtocol === '-1') return 'everything';
  return FromPort === ToPort ? `port ${FromPort}` : `ports ${FromPort} to ${ToPort}`;
}

/** Whether the subnets of the database, in which the cache stands too, have no route out. */
export async function keepsDataIn(clients: Clients, { name }: StageSettings): Promise<Finding> {
  const subject = 'ways out of the database';
  const { DBClusters = [] } = await clients.databases.send(
    new DescribeDBClustersCommand({ DBClusterIdentifier: `dbrag-${name}` }),
  );
  const DBSubnetGroupName = DBClusters[0]?.DBSubnetGroup;
  const { DBSubnetGroups = [] } = await clients.databases.send(
    new DescribeDBSubnetGroupsCommand({ DBSubnetGroupName }),
  );
  const [group] = DBSubnetGroups;
  const subnets = (group?.Subnets ?? []).map(({ SubnetIdentifier = '' }) => SubnetIdentifier);
  const vpc = group?.VpcId;
  if (subnets.length === 0 || vpc === undefined) throw new CommandError('The database has no subnets.');
  const { RouteTables = [] } = await clients.network.send(
    new DescribeRouteTablesCommand({ Filters: [{ Name: 'vpc-id', Values: [vpc] }] }),
  );
  const open = subnets.filter((subnet) => tableOf(RouteTables, subnet)?.Routes?.some(isWayOut) ?? true);
  return open.length === 0
    ? fine(subject, `its ${subnets.length} subnets have no route to the internet`)
    : problem(subject, `${open.join(', ')} lead to the internet, or nobody knows: take the route out of their table.`);
}

/** A subnet that no table names has the main one of its network. */
function tableOf(tables: readonly RouteTable[], subnet: string): RouteTable | undefined {
  const having = (is: (association: RouteTableAssociation) => boolean) =>
    tables.find(({ Associations = [] }) => Associations.some((one) => is(one)));
  return having(({ SubnetId }) => SubnetId === subnet) ?? having(({ Main }) => Main === true);
}

const isWayOut = ({ DestinationCidrBlock, DestinationIpv6CidrBlock }: Route): boolean =>
  everywhere.includes(DestinationCidrBlock) || everywhere.includes(DestinationIpv6CidrBlock);
