import { describe, expect, it } from 'vitest';
import { checkCli } from '../../../infra/deploy/check-cli.ts';
import { placeOf } from '../../../infra/deploy/check-credentials.ts';
import { readCommandLine } from '../../../infra/deploy/command-line.ts';
import { type Finding, hasProblem } from '../../../infra/deploy/finding.ts';
import { type GivenKey, givenModelKey, storeModelKey } from '../../../infra/deploy/model-key.ts';
import { preflight } from '../../../infra/deploy/preflight.ts';
import type { StageSettings } from '../../../infra/stage-settings.ts';
import { production, small } from '../../../infra/stages.ts';
import { type Answers, awsError, stubAccount } from '../../support/stub-account.ts';

const services = [
  'lambda',
  'apigateway',
  'rds',
  's3',
  'sqs',
  'kms',
  'secretsmanager',
  'events',
  'cloudwatch',
  'elasticache',
  'waf',
];
const listed = (names: readonly string[]) => ({ Parameters: names.map((Value) => ({ Value })) });

/** An account in which nothing stands in the way of a first deploy. */
const ready: Answers = {
  GetCallerIdentity: () => ({ Account: '111122223333', Arn: 'arn:aws:iam::111122223333:user/somebody' }),
  DescribeStacks: () => awsError('ValidationError', 'Stack with id dbrag-small-data does not exist'),
  GetParametersByPath: () => listed(services),
  DescribeOrderableDBInstanceOptions: () => ({ OrderableDBInstanceOptions: [{}] }),
  GetParameter: () => ({ Parameter: { Value: '21' } }),
  GetAccountSettings: () => ({ AccountLimit: { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions: 1_000 } }),
  DescribeVpcs: () => ({ Vpcs: [{}] }),
  DescribeAddresses: () => ({ Addresses: [] }),
  GetServiceQuota: () => ({ Quota: { Value: 5 } }),
};
const pinned = '2.1148.1';

async function look(
  changes: Answers = {},
  stage: StageSettings = small,
  modelKey: GivenKey = { value: 'sk-1', isMeant: true },
  output = pinned,
) {
  const { clients, sent } = stubAccount({ ...ready, ...changes });
  const findings = await preflight({ clients, stage, modelKey, cli: { output, pinned } });
  return { findings, sent };
}
const problems = (findings: readonly Finding[]) => findings.filter(({ state }) => state === 'problem');

describe('before a deploy', () => {
  it('finds nothing wrong with an account that is ready, and changes nothing', async () => {
    const { findings, sent } = await look();
    expect(findings.map(({ state, subject }) => `${state} ${subject}`)).toEqual([
      'ok CDK CLI',
      'ok credentials',
      'ok region',
      'ok bootstrap',
      'ok quota: concurrent executions',
      'ok quota: VPCs per Region',
      'ok quota: EC2-VPC Elastic IPs',
      'ok model key',
    ]);
    expect(sent.filter(([name]) => !/^(Get|Describe)/.test(name))).toEqual([]);
  });

  const forbidden = () => awsError('AccessDeniedException', 'is not authorized');

  it('goes on where one look is refused while a slower one before it is under way', async () => {
    const { findings } = await look({
      GetParametersByPath: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return listed(services);
      },
      GetParameter: forbidden,
      GetAccountSettings: forbidden,
    });
    expect(findings.map(({ state, subject }) => `${state} ${subject}`)).toEqual([
      'ok CDK CLI',
      'ok credentials',
      'ok region',
      'warning bootstrap',
      'warning quotas',
      'ok model key',
    ]);
  });

  it('looks at the region of the copies as well', async () => {
    const backupCopies = { region: 'eu-west-1', days: 35 };
    const stage = { ...small, operations: { ...small.operations, region: 'eu-central-1', backupCopies } };
    let looks = 0;
    const { findings } = await look(
      {
        GetParameter: () => {
          looks += 1;
          return looks === 1 ? { Parameter: { Value: '21' } } : awsError('ParameterNotFound');
        },
      },
      stage,
    );
    expect(problems(findings).map(({ message }) => message)).toEqual([
      expect.stringContaining('The account is not prepared for the CDK in eu-west-1'),
    ]);
  });

  it('counts what the stage reserves until its service stands, and not only its data', async () => {
    const account = (...stacks: string[]): Answers => ({
      DescribeStacks: ({ StackName }) =>
        stacks.includes(StackName)
          ? { Stacks: [{ StackStatus: 'CREATE_COMPLETE' }] }
          : awsError('ValidationError', 'does not exist'),
      GetAccountSettings: () => ({
        AccountLimit: { ConcurrentExecutions: 110, UnreservedConcurrentExecutions: 110 },
      }),
    });
    const subjects = async (...stacks: string[]) =>
      problems((await look(account(...stacks))).findings).map(({ subject }) => subject);
    expect(await subjects('dbrag-small-data')).toEqual(['quota: concurrent executions']);
    expect(await subjects('dbrag-small-data', 'dbrag-small-service')).toEqual([]);
  });

  it('says in which account and region something would be changed', async () => {
    expect(await placeOf(stubAccount(ready).clients)).toBe(
      'eu-central-1, account 111122223333 as arn:aws:iam::111122223333:user/somebody',
    );
    const { clients } = stubAccount({ GetCallerIdentity: () => awsError('ExpiredToken') });
    await expect(placeOf(clients)).rejects.toThrow('They have expired');
  });

  const stops: readonly [string, Answers, Parameters<typeof look>[1]?][] = [
    ['There are none: run aws configure', { GetCallerIdentity: () => awsError('CredentialsProviderError') }],
    ['They have expired: run aws sso login', { GetCallerIdentity: () => awsError('ExpiredToken') }],
    ['AWS does not know them in eu-central-1', { GetCallerIdentity: () => awsError('InvalidClientTokenId') }],
    [
      'There is no region "eu-central-1"',
      { GetCallerIdentity: () => Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }) },
    ],
    [
      'The account is not prepared for the CDK in eu-central-1: run npx cdk bootstrap',
      { GetParameter: () => awsError('ParameterNotFound') },
    ],
    ['It has version 5, and 6 is needed', { GetParameter: () => ({ Parameter: { Value: '5' } }) }],
    [
      'eu-central-1 does not offer elasticache: deploy to another region.',
      { GetParametersByPath: () => listed(services.filter((name) => name !== 'elasticache')) },
    ],
    [
      'does not offer waf',
      { GetParametersByPath: () => listed(services.filter((name) => name !== 'waf')) },
      production,
    ],
    [
      'does not offer Aurora PostgreSQL 17.9 as Serverless v2',
      { DescribeOrderableDBInstanceOptions: () => ({ OrderableDBInstanceOptions: [] }) },
    ],
    [
      'ask for more of "Concurrent executions" in Service Quotas, or lower api.reservedConcurrency',
      {
        GetAccountSettings: () => ({ AccountLimit: { ConcurrentExecutions: 10, UnreservedConcurrentExecutions: 10 } }),
      },
    ],
    ['ask for more of "VPCs per Region"', { DescribeVpcs: () => ({ Vpcs: [{}, {}, {}, {}, {}] }) }],
    ['ask for more of "EC2-VPC Elastic IPs"', { DescribeAddresses: () => ({ Addresses: [{}, {}, {}] }) }, production],
  ];

  it.each(stops)('stops with one sentence that says what to do: %s', async (words, answers, stage = small) => {
    const { findings } = await look(answers, stage);
    const [found, ...others] = problems(findings);
    expect(others).toEqual([]);
    expect(found?.message).toContain(words);
    expect(found?.message).toMatch(/^[^\n]+\.$/);
  });

  it('reads the list of services to its end, where AWS answers it', async () => {
    const pages = [services.slice(0, 5), services.slice(5)];
    const { findings, sent } = await look({
      GetParametersByPath: ({ NextToken }) => ({
        ...listed(pages[NextToken ? 1 : 0] ?? []),
        NextToken: NextToken ? undefined : 'more',
      }),
    });
    expect(problems(findings)).toEqual([]);
    expect(sent.filter(([name]) => name === 'GetParametersByPath')).toHaveLength(2);
  });

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

  it('looks at the subnets of a network that is there already, and needs no other', async () => {
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
  ] as const)('stops at a network without private subnets in their zones: %s', async (words, answers) => {
    const { findings } = await look(network(answers), inNetwork);
    expect(problems(findings).map(({ message }) => message)).toEqual([expect.stringContaining(words)]);
  });

  it('does not stop at what it may not look at', async () => {
    const { findings } = await look({ GetServiceQuota: () => awsError('AccessDeniedException') });
    expect(hasProblem(findings)).toBe(false);
    expect(findings.filter(({ state }) => state === 'warning')).toHaveLength(1);
  });

  it.each(['3.0.0', '2.1148.0 (build 1)', '2.99.0', '1.204.0', ''])('refuses the CLI %s', (output) => {
    expect(checkCli(output, pinned)).toMatchObject({ state: 'problem', message: expect.stringContaining('npm ci') });
  });

  it.each(['2.1148.1', '2.1148.2', '2.1200.0 (build 1)'])('takes the CLI %s', (output) => {
    expect(checkCli(output, pinned).state).toBe('ok');
  });
});

describe('the model key', () => {
  const stack = (outputs: Readonly<Record<string, string>>) => ({
    DescribeStacks: () => ({
      Stacks: [
        {
          StackName: 'dbrag-small-data',
          StackStatus: 'CREATE_COMPLETE',
          Outputs: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
        },
      ],
    }),
  });
  const secretWith = (...stages: string[]) => ({
    ...stack({ ModelKeySecret: 'arn:model' }),
    DescribeSecret: () => ({ VersionIdsToStages: Object.fromEntries(stages.map((one, at) => [String(at), [one]])) }),
  });

  it('is missed where none is given and none was ever put', async () => {
    const missing = async (answers: Answers) => {
      const { clients } = stubAccount({ ...ready, ...answers });
      const findings = await preflight({ clients, stage: small, modelKey: undefined, cli: { output: pinned, pinned } });
      return problems(findings).map(({ message }) => message);
    };
    expect(await missing({})).toEqual([expect.stringContaining('set OPENAI_API_KEY')]);
    expect(await missing(secretWith('AWSCURRENT'))).toEqual([
      expect.stringContaining('put-secret-value --secret-id arn:model'),
    ]);
    expect(await missing(secretWith('AWSPREVIOUS', 'AWSCURRENT'))).toEqual([]);
  });

  it('is replaced by what is meant for it only', async () => {
    const store = async (environment: Record<string, string>, ...stages: string[]) => {
      const key = givenModelKey(environment) ?? expect.fail('none is given');
      const answers = { ...ready, ...secretWith(...stages) };
      const { clients, sent } = stubAccount({
        ...answers,
        GetSecretValue: () => ({ SecretString: 'sk-production' }),
        PutSecretValue: () => ({}),
      });
      const findings = await preflight({ clients, stage: small, modelKey: key, cli: { output: pinned, pinned } });
      const put = await storeModelKey(clients, 'arn:model', key);
      expect(sent.filter(([name]) => name === 'PutSecretValue')).toHaveLength(put ? 1 : 0);
      return [put, findings.find(({ subject }) => subject === 'model key')?.message];
    };
    const own = { OPENAI_API_KEY: 'sk-own' };
    const taken = 'given by the environment; the deploy puts it into the secret';
    expect(await store(own, 'AWSCURRENT')).toEqual([true, taken]);
    expect(await store(own, 'AWSPREVIOUS', 'AWSCURRENT')).toEqual([
      false,
      'stands in the secret; OPENAI_API_KEY does not replace it, MODEL_API_KEY would',
    ]);
    expect(await store({ ...own, MODEL_API_KEY: 'sk-new' }, 'AWSPREVIOUS', 'AWSCURRENT')).toEqual([true, taken]);
  });

  it('is written once', async () => {
    let stands = 'random';
    const { clients, sent } = stubAccount({
      GetSecretValue: () => ({ SecretString: stands }),
      PutSecretValue: ({ SecretString }) => {
        stands = SecretString;
        return {};
      },
    });
    expect(await storeModelKey(clients, 'arn:model', { value: 'sk-1', isMeant: true })).toBe(true);
    expect(await storeModelKey(clients, 'arn:model', { value: 'sk-1', isMeant: true })).toBe(false);
    expect(sent.filter(([name]) => name === 'PutSecretValue')).toHaveLength(1);
  });
});

describe('a command line', () => {
  const read = (...words: string[]) => readCommandLine('deploy', words, { AWS_REGION: 'eu-west-1' });

  it('names a stage and a place', async () => {
    expect(await read('small')).toMatchObject({ stage: small, region: 'eu-west-1', yes: false });
    expect(await read('small', '--region', 'us-east-2', '--yes')).toMatchObject({ region: 'us-east-2', yes: true });
    expect((await read('local')).region).toBeUndefined();
    expect(await read('example')).toMatchObject({ stage: { name: 'example' }, region: 'eu-central-1' });
  });

  it.each([
    [[], 'Name a stage: npm run deploy -- small'],
    [['my', 'stage'], '"my stage" cannot be the name of a stage: use 1 to 20 lower-case letters'],
    [['my stage'], '"my stage" cannot be the name of a stage'],
    [['../small'], 'cannot be the name of a stage'],
    [['staging'], 'write its settings to stages/staging.ts.'],
    [['small', '--region', 'mars-north-1'], '"mars-north-1" is not known to be one'],
    [['example', '--region', 'us-east-1'], 'operations.region is eu-central-1'],
    [['small', '--force'], 'Usage: npm run deploy -- <stage>'],
  ] as const)('%j is refused with a sentence', async (words, sentence) => {
    await expect(read(...words)).rejects.toThrow(sentence);
  });

  it('asks for a region where none is known', async () => {
    await expect(readCommandLine('deploy', ['small'], {})).rejects.toThrow(
      'Say where: npm run deploy -- small --region',
    );
  });
});
