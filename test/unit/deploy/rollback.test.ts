import { describe, expect, it } from 'vitest';
import { rollback } from '../../../infra/deploy/rollback.ts';
import { production, small } from '../../../infra/stages.ts';
import { type Answers, awsError, type StubAccount, stubAccount } from '../../support/stub-account.ts';

const deployedAt = new Date('2026-11-29T12:00:00Z');
const before = '2026-11-01T08:00:00.000+0000';
const after = '2026-11-29T12:03:00.000+0000';

/** By deployment: what it was about. The one of version 11 was given up, and the last went from 9 to 12. */
const deployments: Record<string, { group: string; status: string; creator?: string; shift: readonly string[] }> = {
  'd-old': { group: 'rollout-embed', status: 'Succeeded', shift: ['embed', '3', '4'] },
  'd-back': { group: 'rollout-api', status: 'Succeeded', creator: 'codeDeployRollback', shift: ['api', '11', '12'] },
  'd-last': { group: 'rollout-api', status: 'Succeeded', shift: ['api', '9', '12'] },
};

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
          ResourceType: 'AWS::CodeDeploy::DeploymentGroup',
          PhysicalResourceId: `rollout-${name}`,
        })),
        ...Object.keys(live).map((name) => ({
          ResourceType: 'AWS::Lambda::Alias',
          PhysicalResourceId: `arn:aws:lambda:eu-central-1:111122223333:function:${name}:live`,
        })),
      ],
    }),
    // A page holds one, and may hold none.
    ListDeployments: ({ applicationName, deploymentGroupName, includeOnlyStatuses, nextToken = '0' }) => {
      if (!applicationName) return awsError('ApplicationNameRequiredException');
      if (!deploymentGroupName) return awsError('DeploymentGroupNameRequiredException');
      const entry = Object.entries(deployments)[Number(nextToken)];
      if (!entry) return { deployments: [] };
      const [id, { group, status }] = entry;
      const isIn = group === deploymentGroupName && includeOnlyStatuses.includes(status);
      return { deployments: isIn ? [id] : [], nextToken: String(Number(nextToken) + 1) };
    },
    GetDeployment: ({ deploymentId }) => ({ deploymentInfo: { creator: 'user', ...deployments[deploymentId] } }),
    ListDeploymentTargets: ({ deploymentId }) => ({ targetIds: [`target of ${deploymentId}`] }),
    BatchGetDeploymentTargets: ({ deploymentId, targetIds }) => {
      if (targetIds?.length !== 1) return awsError('DeploymentTargetIdRequiredException');
      const [functionName, currentVersion, targetVersion] = deployments[deploymentId]?.shift ?? [];
      const lambdaFunctionInfo = { functionName, functionAlias: 'live', currentVersion, targetVersion };
      return { deploymentTargets: [{ lambdaTarget: { lambdaFunctionInfo } }] };
    },
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
  it('moves what the last deploy moved to where it came from, and nothing else, once', async () => {
    const { clients, live, sent } = account();
    expect(await rollback(clients, production)).toEqual({ stopped: 0, moved: ['api 12 → 9'] });
    expect(live).toEqual({ api: '9', embed: '4' });
    expect(
      sent.filter(([name, input]) => name === 'ListDeployments' && input.includeOnlyStatuses.includes('Succeeded')),
    ).toSatisfy((calls: StubAccount['sent']) =>
      calls.every(([, { createTimeRange }]) => createTimeRange.start === deployedAt),
    );
    expect(sent.find(([name]) => name === 'UpdateAlias')?.[1]).toMatchObject({
      RoutingConfig: { AdditionalVersionWeights: {} },
      RevisionId: 'r1',
    });
    expect(await rollback(clients, production)).toEqual({ stopped: 0, moved: [] });
    expect(live).toEqual({ api: '9', embed: '4' });
  });

  it('stops a rollout that is under way, and leaves the aliases to it', async () => {
    const { clients, sent, live } = account({
      ListDeployments: ({ deploymentGroupName }) => ({ deployments: [`of ${deploymentGroupName}`] }),
      StopDeployment: () => ({}),
      GetDeployment: () => ({ deploymentInfo: { status: 'Stopped' } }),
    });
    expect(await rollback(clients, production)).toEqual({ stopped: 2, moved: [] });
    expect(live.api).toBe('12');
    expect(sent.filter(([name]) => name === 'StopDeployment').every(([, input]) => input.autoRollbackEnabled)).toBe(
      true,
    );
  });

  it('goes on where a rollout has ended between the list and the stop', async () => {
    const ended = (status: string) =>
      account({
        ListDeployments: ({ deploymentGroupName }) => ({
          deployments: deploymentGroupName === 'rollout-api' ? ['d-last'] : [],
        }),
        StopDeployment: () => awsError('DeploymentAlreadyCompletedException'),
        GetDeployment: () => ({ deploymentInfo: { status, creator: 'CloudFormation' } }),
      });
    expect(await rollback(ended('Succeeded').clients, production)).toEqual({ stopped: 0, moved: ['api 12 → 9'] });
    expect(await rollback(ended('Failed').clients, production)).toEqual({ stopped: 1, moved: [] });
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
