import {
  BatchGetDeploymentTargetsCommand,
  GetDeploymentCommand,
  type LambdaFunctionInfo,
  ListDeploymentsCommand,
  type ListDeploymentsCommandInput,
  ListDeploymentTargetsCommand,
  StopDeploymentCommand,
} from '@aws-sdk/client-codedeploy';
import {
  type FunctionConfiguration,
  GetAliasCommand,
  ListVersionsByFunctionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda';
import { liveAlias } from '../constructs/live-alias.ts';
import type { StageSettings } from '../stage-settings.ts';
import type { Clients } from './clients.ts';
import { CommandError, errorName } from './finding.ts';
import { stackResources } from './leftovers.ts';
import { findStack, stackNames } from './stacks.ts';

export interface RolledBack {
  /** Rollouts that were stopped; CloudFormation undoes the rest of their deploy. */
  readonly stopped: number;
  /** Functions whose calls go to the version before, as `name 8 → 7`. */
  readonly moved: readonly string[];
}

/**
 * Takes the last deploy's code back: stops rollouts that are under way, or else points every alias that it moved at the version before. The
 * database stays as it is: migrations leave what the code before needs. Done twice, the second changes nothing.
 * @throws CommandError where there is nothing to go back to
 */
export async function rollback(clients: Clients, stage: StageSettings): Promise<RolledBack> {
  const { service: name } = stackNames(stage.name);
  const stack = await findStack(clients, name);
  if (stack?.StackId === undefined) throw new CommandError(`There is no stack ${name} in ${clients.region}.`);
  const resources = await stackResources(clients, stack.StackId);
  const idsOf = (type: string): string[] =>
    resources
      .filter(({ ResourceType }) => ResourceType === type)
      .map(({ PhysicalResourceId }) => PhysicalResourceId ?? '');
  const aliases = idsOf('AWS::Lambda::Alias');
  if (aliases.length === 0)
    throw new CommandError(
      `Stage "${stage.name}" keeps no versions (operations.rollout is "${stage.operations.rollout}"): check out the commit before, and deploy.`,
    );
  const [applicationName = ''] = idsOf('AWS::CodeDeploy::Application');
  const groups = idsOf('AWS::CodeDeploy::DeploymentGroup').map((deploymentGroupName) => ({
    applicationName,
    deploymentGroupName,
  }));
  const stopped = await stopRollouts(clients, groups);
  if (stopped > 0) return { stopped, moved: [] };
  const since = stack.LastUpdatedTime ?? stack.CreationTime ?? new Date(0);
  const shifts = (await Promise.all(groups.map((group) => shiftsSince(clients, group, since)))).flat();
  const moves = await Promise.all(aliases.map((arn) => moveBack(clients, functionOfAlias(arn), since, shifts)));
  const moved = moves.filter((move) => move !== undefined);
  return { stopped, moved };
}

/** CodeDeploy lists the deployments of a group only where both names are given. */
interface Group {
  readonly applicationName: string;
  readonly deploymentGroupName: string;
}

/** `arn:…:function:<name>:live` → the name. */
function functionOfAlias(arn: string): string {
  return /:function:([^:]+):/.exec(arn)?.[1] ?? arn;
}

async function stopRollouts({ rollouts }: Clients, groups: readonly Group[]): Promise<number> {
  let stopped = 0;
  for (const group of groups)
    for (const deploymentId of await deploymentsOf(rollouts, {
      ...group,
      includeOnlyStatuses: ['Created', 'Queued', 'InProgress', 'Ready'],
    })) {
      try {
        await rollouts.send(new StopDeploymentCommand({ deploymentId, autoRollbackEnabled: true }));
      } catch (error) {
        // It has ended since it was listed; how, is asked below.
        if (errorName(error) !== 'DeploymentAlreadyCompletedException') throw error;
      }
      const { deploymentInfo } = await rollouts.send(new GetDeploymentCommand({ deploymentId }));
      if (deploymentInfo?.status !== 'Succeeded') stopped += 1;
    }
  return stopped;
}

async function deploymentsOf(rollouts: Clients['rollouts'], which: ListDeploymentsCommandInput): Promise<string[]> {
  const found: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await rollouts.send(
      new ListDeploymentsCommand({ ...which, ...(nextToken === undefined ? {} : { nextToken }) }),
    );
    found.push(...(page.deployments ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return found;
}

/** From which version to which the rollouts went that ended well; not those by which CodeDeploy went back itself. */
async function shiftsSince({ rollouts }: Clients, group: Group, since: Date): Promise<LambdaFunctionInfo[]> {
  const shifts: LambdaFunctionInfo[] = [];
  for (const deploymentId of await deploymentsOf(rollouts, {
    ...group,
    includeOnlyStatuses: ['Succeeded'],
    createTimeRange: { start: since },
  })) {
    const { deploymentInfo } = await rollouts.send(new GetDeploymentCommand({ deploymentId }));
    if (deploymentInfo?.creator === 'codeDeployRollback') continue;
    const { targetIds = [] } = await rollouts.send(new ListDeploymentTargetsCommand({ deploymentId }));
    const { deploymentTargets = [] } = await rollouts.send(
      new BatchGetDeploymentTargetsCommand({ deploymentId, targetIds }),
    );
    shifts.push(...deploymentTargets.flatMap(({ lambdaTarget }) => lambdaTarget?.lambdaFunctionInfo ?? []));
  }
  return shifts;
}

/**
 * Only where the version that is out was made by the last deploy: a function that it did not touch has its right version, and one that was moved back
 * already is not moved back once more. To where the rollout began: the next lower number may be a version that another rollout gave up.
 */
async function moveBack(
  { functions }: Clients,
  name: string,
  since: Date,
  shifts: readonly LambdaFunctionInfo[],
): Promise<string | undefined> {
  const alias = await functions.send(new GetAliasCommand({ FunctionName: name, Name: liveAlias }));
  const versions = await versionsOf(functions, name);
  const current = versions.find(({ Version }) => Version === alias.FunctionVersion);
  if (!current?.LastModified || new Date(current.LastModified) < since) return undefined;
  const shift = shifts.find(
    ({ functionName, targetVersion }) => functionName === name && targetVersion === alias.FunctionVersion,
  );
  const before = versions.find(({ Version }) => Version === shift?.currentVersion);
  if (before?.Version === undefined) return undefined;
  await functions.send(
    new UpdateAliasCommand({
      FunctionName: name,
      Name: liveAlias,
      FunctionVersion: before.Version,
      RoutingConfig: { AdditionalVersionWeights: {} },
      // If somebody else moved it meanwhile, they had a reason.
      ...(alias.RevisionId === undefined ? {} : { RevisionId: alias.RevisionId }),
    }),
  );
  return `${name} ${alias.FunctionVersion} → ${before.Version}`;
}

async function versionsOf(functions: Clients['functions'], FunctionName: string): Promise<FunctionConfiguration[]> {
  const found: FunctionConfiguration[] = [];
  let Marker: string | undefined;
  do {
    const page = await functions.send(
      new ListVersionsByFunctionCommand({ FunctionName, ...(Marker === undefined ? {} : { Marker }) }),
    );
    found.push(...(page.Versions ?? []));
    Marker = page.NextMarker;
  } while (Marker !== undefined);
  return found;
}
