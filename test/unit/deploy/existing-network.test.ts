import { describe, expect, it } from 'vitest';
import { small } from '../../../infra/stages.ts';
import { look, problems } from '../../support/ready-account.ts';
import { type Answers, awsError } from '../../support/stub-account.ts';

describe('before a deploy into a network that is there already', () => {
  const existing = {
    vpcId: 'vpc-0123456789abcdef0',
    addresses: '10.1.0.0/16',
    zones: ['eu-central-1a', 'eu-central-1b'],
    functionSubnets: ['subnet-0000000a', 'subnet-0000000b'],
    dataSubnets: ['subnet-0000000c', 'subnet-0000000d'],
  };
  const inNetwork = { ...small, network: { ...small.network, egress: 'existing', existing } } as const;
  const subnets = ['a', 'b', 'c', 'd'].map((end, at) => ({
    SubnetId: `subnet-0000000${end}`,
    VpcId: existing.vpcId,
    AvailabilityZone: existing.zones[at % 2],
  }));
  const routes = (gateway: string, ...ids: string[]) => ({
    Associations: ids.length > 0 ? ids.map((SubnetId) => ({ SubnetId })) : [{ Main: true }],
    Routes: [{ GatewayId: 'local' }, { GatewayId: gateway }],
  });
  const network = (changes: Answers): Answers => ({
    DescribeSubnets: () => ({ Subnets: subnets }),
    DescribeRouteTables: () => ({
      RouteTables: [routes('igw-1'), routes('vgw-1', ...subnets.map(({ SubnetId }) => SubnetId))],
    }),
    ...changes,
  });

  it('its subnets are looked at, and no other network is needed', async () => {
    const { findings } = await look(network({ DescribeVpcs: () => ({ Vpcs: [{}, {}, {}, {}, {}] }) }), inNetwork);
    expect(problems(findings)).toEqual([]);
    expect(findings.map(({ subject }) => subject)).toContain('network');
  });

  it.each([
    [
      'subnet-0000000a, subnet-0000000b, subnet-0000000c, subnet-0000000d of vpc-0123456789abcdef0 lead to an internet gateway',
      { DescribeRouteTables: () => ({ RouteTables: [routes('igw-1')] }) },
    ],
    [
      'subnet-0000000c of vpc',
      { DescribeRouteTables: () => ({ RouteTables: [routes('vgw-1'), routes('igw-1', 'subnet-0000000c')] }) },
    ],
    ['subnet-0000000d is not in vpc', { DescribeSubnets: () => ({ Subnets: subnets.slice(0, 3) }) }],
    [
      'name subnets in the order of their zones',
      { DescribeSubnets: () => ({ Subnets: subnets.map((one) => ({ ...one, AvailabilityZone: 'eu-central-1b' })) }) },
    ],
    [
      'correct network.existing',
      { DescribeSubnets: () => awsError('InvalidSubnetID.NotFound', 'The subnet ID does not exist') },
    ],
  ] as const)('one without private subnets in their zones is refused: %s', async (words, answers) => {
    const { findings } = await look(network(answers), inNetwork);
    expect(problems(findings).map(({ message }) => message)).toEqual([expect.stringContaining(words)]);
  });
});
