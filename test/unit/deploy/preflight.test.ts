import { describe, expect, it } from 'vitest';
import { checkCli } from '../../../infra/deploy/check-cli.ts';
import { placeOf } from '../../../infra/deploy/check-credentials.ts';
import { hasProblem } from '../../../infra/deploy/finding.ts';
import { production, small } from '../../../infra/stages.ts';
import { listed, look, pinned, problems, ready, services } from '../../support/ready-account.ts';
import { type Answers, awsError, stubAccount } from '../../support/stub-account.ts';

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
