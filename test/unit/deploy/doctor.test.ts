import { describe, expect, it } from 'vitest';
import { examineStage } from '../../../infra/deploy/doctor.ts';
import { small } from '../../../infra/stages.ts';
import { awsError, stubAccount } from '../../support/stub-account.ts';

/** What is found of the copies in a region with these resources; undefined: with no stack at all. */
async function examined(resources: readonly (readonly [type: string, status: string])[] | undefined) {
  const nothing = stubAccount({
    DescribeStacks: () => awsError('ValidationError', 'does not exist'),
    DescribeAlarms: () => ({ MetricAlarms: [] }),
  });
  const elsewhere = stubAccount({
    DescribeStacks: ({ StackName }) =>
      resources && StackName === 'dbrag-small-copies'
        ? { Stacks: [{ StackName, StackId: 'arn', StackStatus: 'CREATE_COMPLETE' }] }
        : awsError('ValidationError', 'does not exist'),
    ListStackResources: () => ({
      StackResourceSummaries: resources?.map(([ResourceType, ResourceStatus]) => ({
        ResourceType,
        ResourceStatus,
        PhysicalResourceId: 'the-vault',
      })),
    }),
  });
  const findings = await examineStage(nothing.clients, small, { ...elsewhere.clients, region: 'eu-west-1' });
  return findings
    .filter(({ subject }) => /copies/.test(subject))
    .map(({ subject, state, message }) => `${state} ${subject}: ${message}`);
}

describe('a look at the copies of backups', () => {
  it('names the region and the vault', async () => {
    const [stack, vault] = await examined([['AWS::Backup::BackupVault', 'CREATE_COMPLETE']]);
    expect(stack).toBe('ok stack dbrag-small-copies in eu-west-1: CREATE_COMPLETE');
    expect(vault).toContain('ok copies of backups: they go to the vault the-vault in eu-west-1');
    expect(vault).toContain('--region eu-west-1 --backup-vault-name the-vault');
  });

  it.each([
    ['It is not there', undefined],
    ['There is no vault in eu-west-1', []],
    ['There is no vault in eu-west-1', [['AWS::Backup::BackupVault', 'DELETE_SKIPPED']]],
  ] as const)('says what is missing: %s', async (words, resources) => {
    expect((await examined(resources)).at(-1)).toMatch(new RegExp(`^problem .*${words}`));
  });

  it('is not taken where a stage copies none', async () => {
    const { clients } = stubAccount({
      DescribeStacks: () => awsError('ValidationError', 'does not exist'),
      DescribeAlarms: () => ({ MetricAlarms: [] }),
    });
    expect((await examineStage(clients, small)).filter(({ subject }) => /copies/.test(subject))).toEqual([]);
  });
});
