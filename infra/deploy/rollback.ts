import { GetDeploymentCommand, ListDeploymentsCommand, StopDeploymentCommand } from '@aws-sdk/client-codedeploy';
import {
  type FunctionConfiguration,
  GetAliasCommand,
  ListVersionsByFunctionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda';
import { liveAlias } from '../constructs/live-alias.ts';
import type { StageSettings } from '../stage-settings.ts';
import type { Clients } from './clients.ts';
import { CommandError } from './finding.ts';
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
  const stopped = await stopRollouts(clients, idsOf('AWS::CodeDeploy::Application'));
  if (stopped > 0) return { stopped, moved: [] };
  const since = stack.LastUpdatedTime ?? stack.CreationTime ?? new Date(0);
  const moves = await Promise.all(aliases.map((arn) => moveBack(clients, functionOfAlias(arn), since)));
  const moved = moves.filter((move) => move !== undefined);
  return { stopped, moved };
}

/** `arn:…:function:<name>:live` → the name. */
function functionOfAlias(arn: string): string {
  return /:function:([^:]+):/.exec(arn)?.[1] ?? arn;
}

async function stopRollouts({ rollouts }: Clients, applications: readonly string[]): Promise<number> {
  let stopped = 0;
  for (const applicationName of applications) {
    const { deployments = [] } = await rollouts.send(
      new ListDeploymentsCommand({
        applicationName,
        includeOnlyStatuses: ['Created', 'Queued', 'InProgress', 'Ready'],
      }),
    );
    for (const deploymentId of deployments) {
      await rollouts.send(new StopDeploymentCommand({ deploymentId, autoRollbackEnabled: true }));
      const { deploymentInfo } = await rollouts.send(new GetDeploymentCommand({ deploymentId }));
      if (deploymentInfo?.status !== 'Succeeded') stopped += 1;
    }
  }
  return stopped;
}

/**
 * Only where the version that is out was made by the last deploy: a function that it did not touch has its right version, and one that was moved back
 * already is not moved back once more.
 */
async function moveBack({ functions }: Clients, name: string, since: Date): Promise<string | undefined> {
  const alias = await functions.send(new GetAliasCommand({ FunctionName: name, Name: liveAlias }));
  const versions = await versionsOf(functions, name);
  const current = versions.find(({ Version }) => Version === alias.FunctionVersion);
  if (!current?.LastModified || new Date(current.LastModified) < since) return undefined;
  const before = versions.filter(({ Version }) => Number(Version) < Number(alias.FunctionVersion)).at(-1);
  if (before?.Version === undefined) return undefined;
  await functions.send(
    new UpdateAliasCommand({
      FunctionName: name,
      Name: liveAlias,
      FunctionVersion: before.Version,
      RoutingConfig: { AdditionalVersionWeights: {} },
      // Whoever moved it meanwhile knows something that we do not.
      ...(alias.RevisionId === undefined ? {} : { RevisionId: alias.RevisionId }),
    }),
  );
  return `${name} ${alias.FunctionVersion} → ${before.Version}`;
}

/** Published versions, oldest first. */
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
  return found
    .filter(({ Version }) => Version !== '$LATEST')
    .sort((one, other) => Number(one.Version) - Number(other.Version));
}
