import { describe, expect, it } from 'vitest';
import { prove } from '../../../infra/deploy/prove.ts';
import { production } from '../../../infra/stages.ts';
import { type Answers, awsError, stubAccount } from '../../support/stub-account.ts';

const key = 'arn:aws:kms:eu-central-1:111122223333:key/key-1';
const resources: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'dbrag-production-data': [
    ['AWS::KMS::Key', 'key-1'],
    ['AWS::S3::Bucket', 'content'],
    ['AWS::S3::Bucket', 'x-accesslogs-y'],
    ['AWS::RDS::DBProxy', 'proxy'],
  ],
  'dbrag-production-service': [
    ['AWS::Lambda::Function', 'api'],
    ['AWS::Lambda::Function', 'x-QueryDatabase-y'],
  ],
};

const rule = (port: number, to: object) => ({ IpProtocol: 'tcp', FromPort: port, ToPort: port, ...to });
const anywhere = { IpRanges: [{ CidrIp: '0.0.0.0/0' }] };
const ours = { UserIdGroupPairs: [{ GroupId: 'sg-database' }] };
/** What groups let out, by the group. */
const egress = (changes: Readonly<Record<string, readonly object[]>> = {}): Answers => ({
  DescribeSecurityGroups: ({ GroupIds: [id] }) => ({
    SecurityGroups: [
      {
        IpPermissionsEgress: {
          'sg-api': [rule(443, anywhere), rule(5433, ours)],
          'sg-x-QueryDatabase-y': [rule(5432, anywhere), rule(443, ours)],
          ...changes,
        }[id as string],
      },
    ],
  }),
});
const routes = (...tables: readonly object[]): Answers => ({ DescribeRouteTables: () => ({ RouteTables: tables }) });
const wayOut = { DestinationCidrBlock: '0.0.0.0/0' };
const local = { DestinationCidrBlock: '10.0.0.0/16' };

async function look(changes: Answers = {}, statuses: Readonly<Record<string, number>> = {}) {
  const { clients, sent } = stubAccount({
    DescribeStacks: ({ StackName }) => ({
      Stacks: [
        {
          StackId: StackName,
          StackStatus: 'CREATE_COMPLETE',
          Outputs: [
            { OutputKey: 'ApiUrl', OutputValue: 'https://api.example.com/live/' },
            { OutputKey: 'BucketName', OutputValue: 'content' },
          ],
        },
      ],
    }),
    ListStackResources: ({ StackName }) => ({
      StackResourceSummaries: (resources[StackName] ?? []).map(([ResourceType, PhysicalResourceId]) => ({
        ResourceType,
        PhysicalResourceId,
      })),
    }),
    GetMetricStatistics: () => ({ Datapoints: [{ Maximum: 0 }, { Maximum: 0 }] }),
    GetFunctionConfiguration: ({ FunctionName }) => ({
      KMSKeyArn: key,
      VpcConfig: { SecurityGroupIds: [`sg-${FunctionName}`] },
    }),
    ...egress(),
    ...routes(
      { Associations: [{ SubnetId: 'subnet-1' }], Routes: [local] },
      { Associations: [{ Main: true }], Routes: [local] },
      { Associations: [{ SubnetId: 'subnet-public' }], Routes: [local, wayOut] },
    ),
    DescribeDBSubnetGroups: () => ({
      DBSubnetGroups: [
        { VpcId: 'vpc-1', Subnets: [{ SubnetIdentifier: 'subnet-1' }, { SubnetIdentifier: 'subnet-2' }] },
      ],
    }),
    GetBucketEncryption: () => ({
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key } }],
      },
    }),
    DescribeDBClusters: () => ({ DBClusters: [{ StorageEncrypted: true, KmsKeyId: key, DBSubnetGroup: 'data' }] }),
    ...changes,
  });
  const ask: typeof fetch = async (target) => {
    const { hostname, search } = new URL(String(target));
    const kind = hostname.startsWith('content.s3') ? 'bucket' : search.includes('script') ? 'attack' : 'health';
    return new Response('', { status: statuses[kind] ?? (kind === 'health' ? 200 : 403) });
  };
  return { findings: await prove({ clients, stage: production, ask }), sent };
}

describe('proving a stage', () => {
  it('finds everything in order, and changes nothing', async () => {
    const { findings, sent } = await look();
    expect(findings.map(({ subject, state }) => `${state} ${subject}`)).toEqual([
      'ok encryption',
      'ok ways out of functions',
      'ok ways out of the database',
      'ok strangers',
      'ok pinning',
      'ok firewall',
      'warning rights',
    ]);
    expect(sent.filter(([name]) => !/^(Get|Describe|List)/.test(name))).toEqual([]);
  });

  it.each([
    ['3 connections were pinned at once', { GetMetricStatistics: () => ({ Datapoints: [{ Maximum: 3 }] }) }, {}],
    ['Nobody has used the proxy', { GetMetricStatistics: () => ({ Datapoints: [] }) }, {}],
    [
      'environment of api',
      {
        GetFunctionConfiguration: ({ FunctionName }: { FunctionName: string }) => ({
          VpcConfig: { SecurityGroupIds: [`sg-${FunctionName}`] },
        }),
      },
      {},
    ],
    ['api stands in no network', { GetFunctionConfiguration: () => ({ KMSKeyArn: key }) }, {}],
    ['api reaches everything of 0.0.0.0/0', egress({ 'sg-api': [{ IpProtocol: '-1', ...anywhere }] }), {}],
    [
      'api reaches port 443 of ::/0',
      egress({ 'sg-api': [{ ...rule(443, {}), IpProtocol: 'udp', Ipv6Ranges: [{ CidrIpv6: '::/0' }] }] }),
      {},
    ],
    ['QueryDatabase-y reaches port 443', egress({ 'sg-x-QueryDatabase-y': [rule(443, anywhere)] }), {}],
    [
      'QueryDatabase-y reaches ports 1 to 65535',
      egress({ 'sg-x-QueryDatabase-y': [{ ...rule(1, anywhere), ToPort: 65_535 }] }),
      {},
    ],
    [
      'subnet-1 lead',
      routes(
        { Associations: [{ SubnetId: 'subnet-1' }], Routes: [local, wayOut] },
        { Associations: [{ Main: true }], Routes: [local] },
      ),
      {},
    ],
    [
      'subnet-2 lead',
      routes(
        { Associations: [{ SubnetId: 'subnet-1' }], Routes: [local] },
        { Associations: [{ Main: true }], Routes: [{ DestinationIpv6CidrBlock: '::/0' }] },
      ),
      {},
    ],
    ['or nobody knows', routes(), {}],
    ['bucket content', { GetBucketEncryption: () => ({ ServerSideEncryptionConfiguration: { Rules: [] } }) }, {}],
    [
      'the database',
      {
        DescribeDBClusters: () => ({
          DBClusters: [{ StorageEncrypted: true, KmsKeyId: 'arn:other', DBSubnetGroup: 'data' }],
        }),
      },
      {},
    ],
    ['The bucket answers them 200', {}, { bucket: 200 }],
    ['An attack is answered 200', {}, { attack: 200 }],
    ['a question 403', {}, { health: 403 }],
  ] as const)('says what is not: %s', async (words, answers, statuses) => {
    const { findings } = await look(answers, statuses);
    expect(findings.filter(({ state }) => state === 'problem').map(({ message }) => message)).toEqual([
      expect.stringContaining(words),
    ]);
  });

  it('goes on where one look is refused while a slower one before it is under way', async () => {
    const { findings } = await look({
      GetFunctionConfiguration: async ({ FunctionName }) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return { KMSKeyArn: key, VpcConfig: { SecurityGroupIds: [`sg-${FunctionName}`] } };
      },
      GetMetricStatistics: () => awsError('AccessDenied', 'is not authorized'),
    });
    expect(findings.map(({ subject, state }) => `${state} ${subject}`)).toEqual([
      'ok encryption',
      'ok ways out of functions',
      'ok ways out of the database',
      'ok strangers',
      'warning pinning',
      'ok firewall',
      'warning rights',
    ]);
  });

  it('needs a stage that is deployed', async () => {
    await expect(look({ DescribeStacks: () => awsError('ValidationError', 'does not exist') })).rejects.toThrow(
      'There is no stage "production" in eu-central-1.',
    );
  });
});
