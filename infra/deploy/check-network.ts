import { DescribeRouteTablesCommand, DescribeSubnetsCommand, type Subnet } from '@aws-sdk/client-ec2';
import type { ExistingNetwork } from '../stage-settings.ts';
import type { Clients } from './clients.ts';
import { errorName, type Finding, fine, problem } from './finding.ts';

const subject = 'network';

/** Whether the subnets of a network that is there already are in it, in their zones, and private. */
export async function checkNetwork(clients: Clients, existing: ExistingNetwork): Promise<Finding> {
  const { vpcId, zones, functionSubnets, dataSubnets } = existing;
  const wanted = [...functionSubnets, ...dataSubnets];
  let subnets: readonly Subnet[];
  try {
    ({ Subnets: subnets = [] } = await clients.network.send(new DescribeSubnetsCommand({ SubnetIds: wanted })));
  } catch (error) {
    if (errorName(error) !== 'InvalidSubnetID.NotFound') throw error;
    return problem(subject, `${(error as Error).message}: correct network.existing of the stage.`);
  }
  for (const group of [functionSubnets, dataSubnets])
    for (const [at, id] of group.entries()) {
      const subnet = subnets.find(({ SubnetId }) => SubnetId === id);
      if (subnet?.VpcId !== vpcId)
        return problem(subject, `${id} is not in ${vpcId}: correct network.existing of the stage.`);
      if (subnet.AvailabilityZone !== zones[at])
        return problem(
          subject,
          `${id} is in ${subnet.AvailabilityZone}, and network.existing.zones says ${zones[at]}: name subnets in the order of their zones.`,
        );
    }
  const open = await publicSubnets(clients, vpcId, wanted);
  return open.length === 0
    ? fine(subject, `${vpcId} has all subnets, and they are private`)
    : problem(
        subject,
        `${open.join(', ')} of ${vpcId} lead to an internet gateway: functions and data need private subnets, so make some, or leave network.existing null.`,
      );
}

/** A subnet without a route table of its own has the main one. */
async function publicSubnets({ network }: Clients, vpcId: string, subnets: readonly string[]): Promise<string[]> {
  const { RouteTables = [] } = await network.send(
    new DescribeRouteTablesCommand({ Filters: [{ Name: 'vpc-id', Values: [vpcId] }] }),
  );
  const main = RouteTables.find(({ Associations = [] }) => Associations.some(({ Main }) => Main));
  return subnets.filter((id) => {
    const own = RouteTables.find(({ Associations = [] }) => Associations.some(({ SubnetId }) => SubnetId === id));
    return (own ?? main)?.Routes?.some(({ GatewayId }) => GatewayId?.startsWith('igw-'));
  });
}
