import { describe, expect, it } from 'vitest';
import { rollback } from '../../../infra/deploy/rollback.ts';
import { production, small } from '../../../infra/stages.ts';
import { type Answers, awsError, stubAccount } from '../../support/stub-account.ts';

const deployedAt = new Date('2026-11-29T12:00:00Z');
const before = '2026-11-01T08:00:00.000+0000';
const after = '2026-11-29T12:03:00.000+0000';

/** Two functions: the last deploy published a version of `api`, and none of `embed`. */
function account(changes: Answers = {}) {
  const live: Record<string, string> = { api: '12', embed: '4' };
  const made: Record<string, Record<string, string>> = {
    api: { 9: before, 11: before, 12: after },
    embed: { 3: before, 4: before },
  };
  const stub = stubAccount({
    DescribeStacks: () => ({
      Stacks: [{ StackId: 'arn:stack', StackStatus: 'UPDATE_COMPLETE', LastUpdatedTime: deployedAt }],
    }),
    ListStackResources: () => ({
      StackResourceSummaries: [
        { ResourceType: 'AWS::CodeDeploy::Application', PhysicalResourceId: 'application' },
        ...Object.keys(live).map((name) => ({
          ResourceType: 'AWS::Lambda::Alias',
          PhysicalResourceId: `arn:aws:lambda:eu-central-1:111122223333:function:${name}:live`,
        })),
      ],
    }),
    ListDeployments: () => ({ deployments: [] }),
    GetAlias: ({ FunctionName }) => ({ FunctionVersion: live[FunctionName], RevisionId: 'r1' }),
    ListVersionsByFunction: ({ FunctionName, Marker }) =>
      Marker
        ? {
            Versions: Object.entries(made[FunctionName] ?? {}).map(([Version, LastModified]) => ({
              Version,
              LastModified,
            })),
          }
        : { Versions: [{ Version: '$LATEST', LastModified: after }], NextMarker: 'more' },
    UpdateAlias: ({ FunctionName, FunctionVersion }) => {
      live[FunctionName] = FunctionVersion;
      return {};
    },
    ...changes,
  });
  return { ...stub, live };
}

describe('taking a deploy back', () => {
  it('moves what the last deploy moved to the version before, and nothing else, once', async () => {
    const { clients, live, sent } = account();
    expect(await rollback(clients, production)).toEqual({ stopped: 0, moved: ['api 12 → 11'] });
    expect(live).toEqual({ api: '11', embed: '4' });
    expect(sent.find(([name]) => name === 'UpdateAlias')?.[1]).toMatchObject({
      RoutingConfig: { AdditionalVersionWeights: {} },
      RevisionId: 'r1',
    });
    expect(await rollback(clients, production)).toEqual({ stopped: 0, moved: [] });
    expect(live).toEqual({ api: '11', embed: '4' });
  });

  it('stops a rollout that is under way, and leaves the aliases to it', async () => {
    const { clients, sent, live } = account({
      ListDeployments: () => ({ deployments: ['d-1', 'd-2'] }),
      StopDeployment: () => ({}),
      GetDeployment: () => ({ deploymentInfo: { status: 'Stopped' } }),
    });
    expect(await rollback(clients, production)).toEqual({ stopped: 2, moved: [] });
    expect(live.api).toBe('12');
    expect(sent.filter(([name]) => name === 'StopDeployment').every(([, input]) => input.autoRollbackEnabled)).toBe(
      true,
    );
  });

  it('says so where nothing can be taken back', async () => {
    const none = account({ ListStackResources: () => ({ StackResourceSummaries: [] }) });
    await expect(rollback(none.clients, small)).rejects.toThrow(
      'keeps no versions (operations.rollout is "all-at-once")',
    );
    const absent = account({ DescribeStacks: () => awsError('ValidationError', 'does not exist') });
    await expect(rollback(absent.clients, small)).rejects.toThrow(
      'There is no stack dbrag-small-service in eu-central-1.',
    );
  });
});
