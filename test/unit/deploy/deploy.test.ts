import { describe, expect, it } from 'vitest';
import { deploy } from '../../../infra/deploy/deploy.ts';
import { CommandError, fine, problem } from '../../../infra/deploy/finding.ts';
import type { GivenKey } from '../../../infra/deploy/model-key.ts';
import type { smoke } from '../../../infra/deploy/smoke.ts';
import type { StageSettings } from '../../../infra/stage-settings.ts';
import { small } from '../../../infra/stages.ts';
import { type Answers, awsError, stubAccount } from '../../support/stub-account.ts';

interface World {
  readonly answers?: Answers;
  readonly cli?: string;
  readonly yes?: boolean;
  readonly smoke?: typeof smoke;
  readonly fails?: string;
  readonly stage?: StageSettings;
}

/** An account that is ready, a CLI that makes stacks, and a note of all that happens, in order. */
function world({ answers = {}, cli = '2.1148.1', yes = true, fails, smoke: tried, stage = small }: World = {}) {
  const happened: string[] = [];
  const stacks = new Map<string, Record<string, string>>();
  const { clients } = stubAccount({
    GetCallerIdentity: () => ({ Account: '111122223333' }),
    DescribeStacks: ({ StackName }) => {
      const outputs = stacks.get(StackName);
      if (!outputs) return awsError('ValidationError', 'does not exist');
      const Outputs = Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue }));
      return { Stacks: [{ StackName, StackId: `arn:${StackName}`, StackStatus: 'CREATE_COMPLETE', Outputs }] };
    },
    GetParametersByPath: () => ({ Parameters: [] }),
    DescribeOrderableDBInstanceOptions: () => ({ OrderableDBInstanceOptions: [{}] }),
    GetParameter: () => ({ Parameter: { Value: '21' } }),
    GetAccountSettings: () => ({
      AccountLimit: { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions: 1_000 },
    }),
    DescribeVpcs: () => ({}),
    DescribeAddresses: () => ({}),
    GetServiceQuota: () => ({ Quota: { Value: 5 } }),
    GetSecretValue: ({ SecretId }) => ({ SecretString: `value of ${SecretId}` }),
    ListStackResources: () => ({
      StackResourceSummaries: [{ ResourceType: 'AWS::Lambda::Function', PhysicalResourceId: 'api' }],
    }),
    ListAliases: () => ({ Aliases: [{ FunctionVersion: '9' }] }),
    ListVersionsByFunction: () => ({ Versions: ['$LATEST', '1', '6', '7', '8', '9'].map((Version) => ({ Version })) }),
    DeleteFunction: ({ FunctionName, Qualifier }) => {
      happened.push(`delete ${FunctionName}:${Qualifier}`);
      return {};
    },
    PutSecretValue: ({ SecretId, SecretString }) => {
      happened.push(`put ${SecretId} ${SecretString}`);
      return {};
    },
    ...answers,
  });
  const cdk = {
    pinned: '2.1148.1',
    version: async () => cli,
    run: async ([verb, name]: readonly string[]) => {
      happened.push(`cdk ${verb} ${name?.startsWith('dbrag') ? name : ''}`.trim());
      if (name !== undefined && name === fails) throw new CommandError('cdk failed');
      if (name === 'dbrag-small-data')
        stacks.set(name, { ModelKeySecret: 'arn:model', OperatorKeySecret: 'arn:operator' });
      if (name === 'dbrag-small-service')
        stacks.set(name, { ApiUrl: 'https://ask.example.com/', GatewayUrl: 'https://gateway.example.com/live/' });
    },
  };
  const printed: string[] = [];
  const run = (modelKey: GivenKey = { value: 'sk-1', isMeant: true }) =>
    deploy(
      {
        clients,
        cdk,
        print: (line) => printed.push(line),
        confirm: async () => yes,
        printFloor: async ({ name }) => void happened.push(`floor of ${name}`),
        smoke: tried ?? (async ({ url, operatorKey }) => [fine('smoke', `${url} ${operatorKey}`)]),
      },
      { stage, modelKey },
    );
  return { run, happened, printed };
}

describe('a deploy', () => {
  it('shows floor and difference, deploys the data, gives it the key, deploys the service, tries it, and says where it is', async () => {
    const { run, happened, printed } = world();
    await run();
    expect(happened).toEqual([
      'floor of small',
      'cdk diff',
      'cdk deploy dbrag-small-data',
      'put arn:model sk-1',
      'cdk deploy dbrag-small-service',
    ]);
    expect(printed.join('\n')).toContain('smoke: https://gateway.example.com/live/ value of arn:operator');
    expect(printed.join('\n')).toContain('curl -s https://ask.example.com/v1/workspaces');
    expect(printed.join('\n')).toContain('--region eu-central-1 --secret-id arn:operator');
  });

  it('makes the vault of the second region before anything is copied there', async () => {
    const backupCopies = { region: 'eu-west-1', days: 35 };
    const { run, happened } = world({
      stage: { ...small, operations: { ...small.operations, region: 'eu-central-1', backupCopies } },
    });
    await run();
    expect(happened.filter((one) => one.startsWith('cdk deploy'))).toEqual([
      'cdk deploy dbrag-small-copies',
      'cdk deploy dbrag-small-data',
      'cdk deploy dbrag-small-service',
    ]);
  });

  it('changes nothing after a problem, or a no', async () => {
    const wrongCli = world({ cli: '3.0.0' });
    await expect(wrongCli.run()).rejects.toThrow('Nothing was changed.');
    expect(wrongCli.happened).toEqual([]);
    expect(wrongCli.printed.join('\n')).toContain('PROBLEM  CDK CLI: It is 3.0.0');
    const no = world({ yes: false });
    await expect(no.run()).rejects.toThrow('Nothing was changed.');
    expect(no.happened).toEqual(['floor of small', 'cdk diff']);
  });

  it('begins again where it was broken off', async () => {
    const broken = world({ fails: 'dbrag-small-service' });
    await expect(broken.run()).rejects.toThrow('cdk failed');
    const again = world({ answers: { GetSecretValue: () => ({ SecretString: 'sk-1' }) } });
    await again.run();
    expect(again.happened.filter((one) => one.startsWith('put'))).toEqual([]);
  });

  it('deletes old versions of functions when all is tried, and does not fail for them', async () => {
    const { run, happened, printed } = world();
    await run();
    expect(happened.filter((one) => one.startsWith('delete'))).toEqual([]);
    await run();
    expect(happened.slice(-3)).toEqual(['cdk deploy dbrag-small-service', 'delete api:6', 'delete api:1']);
    expect(printed.at(-1)).toBe('2 old versions of functions are deleted.');
    const denied = world({ answers: { DeleteFunction: () => awsError('AccessDenied', 'no') } });
    await denied.run();
    await denied.run();
    expect(denied.printed.at(-1)).toBe('Old versions of functions stay until the next deploy: api:6: no; api:1: no');
  });

  it('fails where the stage does not do what it should', async () => {
    const { run, printed } = world({ smoke: async () => [problem('smoke: search', 'Nothing is found.')] });
    await expect(run()).rejects.toThrow('It is deployed, and does not do what it should');
    expect(printed.join('\n')).toContain('PROBLEM  smoke: search: Nothing is found.');
  });
});
