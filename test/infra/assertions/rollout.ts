import type { StageSettings } from '../../../infra/stage-settings.ts';
import {
  type Assertion,
  every,
  functionNamed,
  isOurFunction,
  type Json,
  leadsTo,
  list,
  resourcesOf,
  type System,
  targetOf,
} from './assertion.ts';

const aliasType = 'AWS::Lambda::Alias';
const binds = ({ operations }: StageSettings): boolean => operations.rollout === 'canary';

/** Wherever in a joined name or ARN the reference stands. */
const callsAlias = (value: Json, system: System): boolean =>
  resourcesOf(system, aliasType).some(({ id }) => JSON.stringify(value).includes(`"${id}"`));

export const rolloutAssertions: readonly Assertion[] = [
  {
    area: 'Lambda',
    name: 'every function but the migration is called by an alias',
    binds,
    check: (system) =>
      resourcesOf(system.service, 'AWS::Lambda::Function')
        .filter((found) => isOurFunction(found) && !found.properties.Handler.startsWith('deploy/'))
        .filter(
          ({ id }) => !resourcesOf(system, aliasType).some(({ properties }) => leadsTo(properties.FunctionName, id)),
        )
        .map(({ id }) => id),
    spoil: (system) => {
      const [alias] = resourcesOf(system, aliasType);
      if (alias) delete system.service.Resources[alias.id];
    },
  },
  every({
    area: 'Lambda',
    name: 'new versions come to their calls by a rollout',
    binds,
    type: aliasType,
    demand: ({ resource, properties }, system) => {
      const { UpdatePolicy } = resource as {
        UpdatePolicy?: { CodeDeployLambdaAliasUpdate?: { DeploymentGroupName: unknown } };
      };
      const group = UpdatePolicy?.CodeDeployLambdaAliasUpdate?.DeploymentGroupName;
      return (
        properties.Name === 'live' &&
        resourcesOf(system, 'AWS::CodeDeploy::DeploymentGroup').some(({ id }) => leadsTo(group, id))
      );
    },
    break: ({ resource }) => {
      (resource as { UpdatePolicy?: unknown }).UpdatePolicy = undefined;
    },
  }),
  {
    area: 'Lambda',
    name: 'as many environments are kept started as the stage says, by the aliases that rollouts move',
    binds,
    check: (system, { api }) => {
      const wanted: Readonly<Record<string, number>> = {
        [functionNamed(system, 'http/api').id]: api.provisionedConcurrency.buffered,
        [functionNamed(system, 'http/stream').id]: api.provisionedConcurrency.streaming,
      };
      const kept = (properties: Json): number =>
        properties.ProvisionedConcurrencyConfig?.ProvisionedConcurrentExecutions ?? 0;
      return [
        ...resourcesOf(system, aliasType).filter(
          ({ properties }) => kept(properties) !== (wanted[targetOf(properties.FunctionName) ?? ''] ?? 0),
        ),
        // On a version they would stay, and be paid, when the alias has gone on.
        ...resourcesOf(system, 'AWS::Lambda::Version').filter(({ properties }) => kept(properties) > 0),
      ].map(({ id }) => id);
    },
    spoil: (system) => {
      const [alias] = resourcesOf(system, aliasType);
      if (alias) alias.properties.ProvisionedConcurrencyConfig = { ProvisionedConcurrentExecutions: 99 };
    },
  },
  every({
    area: 'Lambda',
    name: 'a rollout is a tenth for five minutes, and goes back by itself',
    binds,
    type: 'AWS::CodeDeploy::DeploymentGroup',
    demand: ({ properties }) =>
      properties.DeploymentConfigName === 'CodeDeployDefault.LambdaCanary10Percent5Minutes' &&
      properties.AutoRollbackConfiguration?.Enabled === true &&
      list(properties.AutoRollbackConfiguration?.Events).includes('DEPLOYMENT_STOP_ON_ALARM'),
    break: ({ properties }) => {
      properties.AutoRollbackConfiguration.Events = ['DEPLOYMENT_FAILURE'];
    },
  }),
  every({
    area: 'Lambda',
    name: 'a rollout ends by errors of functions and of the API',
    binds,
    type: 'AWS::CodeDeploy::DeploymentGroup',
    demand: ({ properties }, system) => {
      const { Enabled, Alarms } = properties.AlarmConfiguration ?? {};
      const watched = resourcesOf(system, 'AWS::CloudWatch::Alarm')
        .filter(({ id }) => list(Alarms).some(({ Name }) => leadsTo(Name, id)))
        .map((found) => JSON.stringify(found.properties));
      return (
        Enabled === true &&
        watched.some((text) => text.includes('"AWS/Lambda"')) &&
        watched.some((text) => text.includes('"5XXError"'))
      );
    },
    break: ({ properties }) => {
      properties.AlarmConfiguration.Alarms = properties.AlarmConfiguration.Alarms.slice(1);
    },
  }),
  every({
    area: 'Lambda',
    name: 'a few 5xx among many answers end no rollout',
    binds,
    type: 'AWS::CloudWatch::Alarm',
    where: ({ id }) => id.startsWith('RolloutApiErrors'),
    demand: ({ properties }) => {
      const metrics = list(properties.Metrics);
      const names = metrics.map(({ MetricStat }) => MetricStat?.Metric?.MetricName);
      const [expression = ''] = metrics.map(({ Expression }) => Expression).filter(Boolean);
      return (
        names.includes('Count') &&
        /^IF\(FILL\(failed, 0\) > 2, 100 \* failed \/ asked, 0\)$/.test(expression) &&
        properties.Threshold === 2
      );
    },
    break: ({ properties }) => {
      properties.Metrics = properties.Metrics.filter(
        ({ MetricStat }: Json) => MetricStat?.Metric?.MetricName !== 'Count',
      );
    },
  }),
  every({
    area: 'Lambda',
    name: 'queues deliver to aliases',
    binds,
    type: 'AWS::Lambda::EventSourceMapping',
    demand: ({ properties }, system) => callsAlias(properties.FunctionName, system),
    break: ({ properties }, system) => {
      properties.FunctionName = { Ref: resourcesOf(system.service, 'AWS::Lambda::Function')[0]?.id };
    },
  }),
  every({
    area: 'Lambda',
    name: 'the API calls aliases',
    binds,
    type: 'AWS::ApiGateway::Method',
    where: ({ properties }) => properties.Integration?.Type === 'AWS_PROXY',
    demand: ({ properties }, system) => callsAlias(properties.Integration.Uri, system),
    break: ({ properties }) => {
      properties.Integration.Uri = { 'Fn::GetAtt': ['Elsewhere', 'Arn'] };
    },
  }),
];
