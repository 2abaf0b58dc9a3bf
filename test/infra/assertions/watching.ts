import { readdirSync, readFileSync } from 'node:fs';
import { handlerEntries } from '../../../infra/bundle.ts';
import { type Assertion, every, type Json, list, resourcesOf, type System } from './assertion.ts';

const alarmType = 'AWS::CloudWatch::Alarm';
const compositeType = 'AWS::CloudWatch::CompositeAlarm';
/** "An alarm on a math expression" takes so many; one more is refused at the deploy. */
const mostMetricsOfAlarm = 10;
const dashboardType = 'AWS::CloudWatch::Dashboard';
const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

const headings = read('docs/runbook.md')
  .split('\n')
  .filter((line) => line.startsWith('## '))
  .map((line) => line.slice(3));
/** What to do without an alarm; the last is a metric that an operator may look at. */
const withoutAlarm = [
  'No alarm, but questions to a database fail',
  'No alarm, but something waits',
  'The database is lost, or wrong',
  'A region is lost',
  'Before the database is restored',
  'A quota is nearly used up',
];

/** Metric names that the functions publish, as their only source says them. */
const published = new Set(
  readdirSync(new URL('../../../functions/runtime/', import.meta.url), { encoding: 'utf8', recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...read(`functions/runtime/${file}`).matchAll(/'([A-Z][a-z]+(?:[A-Z][a-z]+)+)'/g)])
    .map(([, name = '']) => name),
);
const services = handlerEntries.map((entry) => entry.replace(/^.*\//, ''));

/** Own metrics that the dashboard must show, and AWS's. */
const shown = [
  ...['DocumentAccepted', 'DocumentIngested', 'DocumentReady', 'ApproximateNumberOfMessagesVisible'],
  ...[
    'ApproximateAgeOfOldestMessage',
    'EmbeddingRequestDuration',
    'BatchFill',
    'CacheHit',
    'CacheMiss',
    'SearchDuration',
  ],
  ...['StageDuration', 'QueryRoute', 'StatementRefused', 'ModelTokens', 'ModelCost', 'QueryCost', 'QueryRating'],
  ...[
    'ConcurrentExecutions',
    'DatabaseConnections',
    'ServerlessDatabaseCapacity',
    'IndexRecall',
    'ErrorNew',
    'SecretFallback',
    'UpkeepFailed',
    'StrayRejection',
  ],
];

const runbookOf = ({ AlarmDescription }: Json): string => String(AlarmDescription).split('Runbook: ')[1] ?? '';

/** A dashboard's body, with what only the deploy knows left out. */
function bodyOf({ DashboardBody: body }: Json): Json {
  const parts: Json[] = typeof body === 'string' ? [body] : body['Fn::Join'][1];
  return JSON.parse(parts.map((part) => (typeof part === 'string' ? part : 'known-later')).join(''));
}

interface NamedMetric {
  readonly namespace: string;
  readonly name: string;
  readonly service: string | undefined;
}

/** A widget's metrics are lists: namespace, name, dimensions in pairs, options. */
function metricsOfDashboard(properties: Json): NamedMetric[] {
  return bodyOf(properties)
    .widgets.flatMap((widget: Json) => list(widget.properties.metrics))
    .filter((metric: Json) => typeof metric[0] === 'string')
    .map(([namespace, name, ...rest]: string[]) => {
      const at = rest.indexOf('service');
      return { namespace, name, service: at < 0 ? undefined : rest[at + 1] };
    });
}

function metricsOfAlarm({ Namespace, MetricName, Dimensions, Metrics }: Json): NamedMetric[] {
  const metrics = MetricName
    ? [{ Namespace, MetricName, Dimensions }]
    : list(Metrics).flatMap(({ MetricStat }: Json) => (MetricStat ? [MetricStat.Metric] : []));
  return metrics.map((metric: Json) => ({
    namespace: metric.Namespace,
    name: metric.MetricName,
    service: list(metric.Dimensions).find(({ Name }) => Name === 'service')?.Value,
  }));
}

function allMetrics(system: System): NamedMetric[] {
  return [
    ...resourcesOf(system, alarmType).flatMap(({ properties }) => metricsOfAlarm(properties)),
    ...resourcesOf(system, dashboardType).flatMap(({ properties }) => metricsOfDashboard(properties)),
  ];
}

/** Alarms that are watched together: their composite writes for them. */
function parts(system: System): Set<string> {
  return new Set(
    resourcesOf(system, compositeType).flatMap(({ properties }) =>
      [...JSON.stringify(properties.AlarmRule).matchAll(/"Fn::GetAtt":\["(\w+)"/g)].map(([, id = '']) => id),
    ),
  );
}

export const watchingAssertions: readonly Assertion[] = [
  every({
    area: 'watching',
    name: 'every alarm names a heading of the runbook',
    type: [alarmType, compositeType],
    demand: ({ properties }) => headings.includes(runbookOf(properties)),
    break: ({ properties }) => {
      properties.AlarmDescription = 'Something is wrong. Runbook: Something is wrong';
    },
  }),
  every({
    area: 'watching',
    name: 'no alarm reckons with more metrics than CloudWatch takes',
    type: alarmType,
    demand: ({ properties }) => metricsOfAlarm(properties).length <= mostMetricsOfAlarm,
    break: ({ properties }) => {
      properties.Metrics = Array.from({ length: mostMetricsOfAlarm + 1 }, (_, at) => ({
        Id: `m${at}`,
        MetricStat: { Metric: { Namespace: 'AWS/Lambda', MetricName: 'Errors' } },
      }));
      properties.MetricName = undefined;
    },
  }),
  {
    area: 'watching',
    name: 'every heading of the runbook has an alarm, but for those that say what to do without one',
    binds: ({ operations, database }) => operations.objectives && database.proxy && database.readers > 0,
    check: (system) => {
      const named = resourcesOf(system, [alarmType, compositeType]).map(({ properties }) => runbookOf(properties));
      return headings.filter((heading) => !named.includes(heading) && !withoutAlarm.includes(heading));
    },
    spoil: ({ service }) => {
      for (const [id, { Properties }] of Object.entries(service.Resources))
        if (Properties?.AlarmDescription?.endsWith('Runbook: Work waits')) delete service.Resources[id];
    },
  },
  every({
    area: 'watching',
    name: 'silence is no alarm',
    type: alarmType,
    demand: ({ properties }) => properties.TreatMissingData === 'notBreaching',
    break: ({ properties }) => {
      properties.TreatMissingData = 'breaching';
    },
  }),
  every({
    area: 'watching',
    name: 'alarms write to somebody where the stage names one, and parts of others do not write twice',
    binds: ({ operations }) => operations.alarmEmail !== null,
    type: [alarmType, compositeType],
    demand: ({ id, properties }, system) =>
      list(properties.AlarmActions).length === (parts(system).has(id) ? 0 : 1) && properties.ActionsEnabled !== false,
    break: ({ properties }) => {
      properties.AlarmActions = undefined;
    },
  }),
  {
    area: 'watching',
    name: 'three objectives, each with a fast and a slow burn over two windows',
    binds: ({ operations }) => operations.objectives,
    check: (system) => {
      const found = resourcesOf(system, compositeType).filter(({ id }) =>
        /Objectives(Api|Queries|Workers)(Fast|Slow)/.test(id),
      );
      const thresholds = resourcesOf(system, alarmType)
        .filter(({ id }) => parts(system).has(id))
        .map(({ properties }) => properties.Threshold.toFixed(4));
      // 14.4 and 6 times 0.1 %, 0.5 % and 1 %.
      const wanted = ['0.0144', '0.0060', '0.0720', '0.0300', '0.1440', '0.0600'];
      const missing = wanted.filter((one) => thresholds.filter((each) => each === one).length !== 2);
      return found.length === 6 && parts(system).size === 12 ? missing : [`${found.length} composites`];
    },
    spoil: (system) => {
      const [first] = [...parts(system)];
      if (first) (system.service.Resources[first] as Json).Properties.Threshold = 0.5;
    },
  },
  {
    area: 'watching',
    name: 'alarms and the dashboard show metrics that functions publish, of this stage',
    check: (system, stage) =>
      allMetrics(system)
        .filter(({ namespace }) => !namespace.startsWith('AWS/'))
        .filter(
          ({ namespace, name, service }) =>
            namespace !== `dbrag/${stage.name}` || !published.has(name) || (service && !services.includes(service)),
        )
        .map(({ namespace, name, service }) => `${namespace} ${name} ${service ?? ''}`),
    spoil: (system) => {
      const alarm = resourcesOf(system, alarmType).find(({ properties }) => properties.MetricName === 'ModelRefused');
      if (alarm) alarm.properties.MetricName = 'ModelRefusedUs';
    },
  },
  {
    area: 'watching',
    name: 'one dashboard shows what the service does and stands on',
    check: (system) => {
      const dashboards = resourcesOf(system, dashboardType);
      const named = dashboards.flatMap(({ properties }) => metricsOfDashboard(properties).map(({ name }) => name));
      return dashboards.length === 1
        ? shown.filter((name) => !named.includes(name))
        : [`${dashboards.length} dashboards`];
    },
    spoil: (system) => {
      for (const { properties } of resourcesOf(system, dashboardType))
        properties.DashboardBody = JSON.stringify({ widgets: [] });
    },
  },
  {
    area: 'watching',
    name: 'the dashboard shows every alarm',
    check: (system) => {
      const text = JSON.stringify(resourcesOf(system, dashboardType).map(({ properties }) => properties.DashboardBody));
      return resourcesOf(system, [alarmType, compositeType])
        .filter(({ id }) => !parts(system).has(id) && !text.includes(`"${id}"`))
        .map(({ id }) => id);
    },
    spoil: (system) => {
      system.service.Resources.Forgotten = { Type: alarmType, Properties: {} };
    },
  },
  every({
    area: 'watching',
    name: 'saved queries look through the logs of all functions',
    type: 'AWS::Logs::QueryDefinition',
    where: ({ id }) => id.startsWith('WatchingLogQueries'),
    demand: ({ properties }) => list(properties.LogGroupNames).length === handlerEntries.length,
    break: ({ properties }) => {
      properties.LogGroupNames = properties.LogGroupNames.slice(1);
    },
  }),
  {
    area: 'watching',
    name: 'the proxy’s pinned connections are watched where there is a proxy',
    binds: ({ database }) => database.proxy,
    check: (system) => {
      const alarm = resourcesOf(system, alarmType).find(({ properties }) =>
        metricsOfAlarm(properties).some(({ name }) => name === 'DatabaseConnectionsCurrentlySessionPinned'),
      );
      const named = JSON.stringify(alarm?.properties ?? {}).includes('ProxyName');
      const proxies = resourcesOf(system, 'AWS::RDS::DBProxy').map(({ id }) => id);
      return named && proxies.length === 1 ? [] : ['no alarm'];
    },
    spoil: (system) => {
      for (const { id, properties } of resourcesOf(system, alarmType))
        if (JSON.stringify(properties).includes('SessionPinned')) delete system.service.Resources[id];
    },
  },
  {
    area: 'watching',
    name: 'that readers are passed over is watched where there are readers, and nowhere else',
    check: (system, { database }) => {
      const found = resourcesOf(system, alarmType).filter(({ properties }) =>
        metricsOfAlarm(properties).some(({ name }) => name === 'ReaderSearch'),
      );
      return found.length === (database.readers > 0 ? 1 : 0) ? [] : [`${found.length} alarms`];
    },
    spoil: (system) => {
      const [of] = resourcesOf(system, alarmType).filter(({ properties }) =>
        metricsOfAlarm(properties).some(({ name }) => name === 'ReaderSearch'),
      );
      if (of) delete system.service.Resources[of.id];
      else
        system.service.Resources.Stray = {
          Type: alarmType,
          Properties: { Namespace: 'dbrag', MetricName: 'ReaderSearch' },
        };
    },
  },
];
