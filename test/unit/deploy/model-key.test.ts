import { describe, expect, it } from 'vitest';
import { givenModelKey, storeModelKey } from '../../../infra/deploy/model-key.ts';
import { preflight } from '../../../infra/deploy/preflight.ts';
import { small } from '../../../infra/stages.ts';
import { pinned, problems, ready } from '../../support/ready-account.ts';
import { type Answers, stubAccount } from '../../support/stub-account.ts';

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
