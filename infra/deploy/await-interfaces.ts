import { DescribeNetworkInterfacesCommand } from '@aws-sdk/client-ec2';
import type { Clients } from './clients.ts';
import { CommandError } from './finding.ts';
import type { Waiting } from './waiting.ts';

/** Lambda gives interfaces back some 20 minutes after the last function that used them is gone. */
const patienceSeconds = 2_700;
const pauseSeconds = 30;

/**
 * Waits until functions have no network interface in a network any more: subnets and security groups could not be deleted before.
 * @throws CommandError naming those that stay
 */
export async function awaitInterfaces({ network }: Clients, vpcId: string, waiting: Waiting): Promise<void> {
  for (let waited = 0; ; waited += pauseSeconds) {
    const left = await interfacesOf(network, vpcId);
    if (left.length === 0) return;
    if (waited > patienceSeconds)
      throw new CommandError(
        `Network interfaces of functions stay in ${vpcId}: ${left.join(', ')}. Run the command again later, or delete them in the EC2 console.`,
      );
    waiting.tell(`${left.length} network interfaces of functions are still there, ${waited} s`);
    await waiting.sleep(pauseSeconds);
  }
}

async function interfacesOf(network: Clients['network'], vpcId: string): Promise<string[]> {
  const { NetworkInterfaces = [] } = await network.send(
    new DescribeNetworkInterfacesCommand({
      Filters: [
        { Name: 'vpc-id', Values: [vpcId] },
        { Name: 'interface-type', Values: ['lambda'] },
      ],
    }),
  );
  return NetworkInterfaces.map(({ NetworkInterfaceId }) => NetworkInterfaceId ?? '');
}
