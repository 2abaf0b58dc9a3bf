import { handlerEntries } from '../../../infra/bundle.ts';
import { connectionsAdmitted, connectionsEach } from '../../../infra/environments-admitted.ts';
import { workConcurrency } from '../../../infra/work-concurrency.ts';
import {
  type Assertion,
  every,
  functionIdOf,
  functionNamed,
  isOurFunction,
  type Json,
  list,
  resourceNamed,
  resourcesOf,
  targetOf,
} from './assertion.ts';

const functionType = 'AWS::Lambda::Function';
const mappingType = 'AWS::Lambda::EventSourceMapping';

/** Longest time-outs, in seconds. */
const limits: Readonly<Record<string, number>> = {
  'http/api': 29,
  'http/stream': 900,
  'queue/maintain': 900,
  'deploy/migrate-database': 900,
};
const workerLimit = 120;
const handlerOf = (properties: Json) => String(properties.Handler).replace(/\.handler$/, '');
const secretLike = /(password|secret|token|key)$/i;
const secretValue = /(sk-[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{16}|postgres(ql)?:\/\/|-----BEGIN|resolve:secretsmanager)/;

/** An assertion about one property of our functions. */
function ours(name: string, demand: (properties: Json) => boolean, spoil: (properties: Json) => void): Assertion {
  return every({
    area: 'Lambda',
    name,
    type: functionType,
    where: isOurFunction,
    demand: ({ properties }) => demand(properties),
    break: ({ properties }) => spoil(properties),
  });
}

export const functionAssertions: readonly Assertion[] = [
  {
    area: 'Lambda',
    name: 'every handler is deployed, and nothing else of ours',
    check: (system) => {
      const deployed = resourcesOf(system, functionType)
        .filter(isOurFunction)
        .map(({ properties }) => handlerOf(properties));
      const wanted: readonly string[] = handlerEntries;
      return [...wanted.filter((one) => !deployed.includes(one)), ...deployed.filter((one) => !wanted.includes(one))];
    },
    spoil: (system) => {
      functionNamed(system, 'queue/maintain').properties.Handler = 'queue/other.handler';
    },
  },
  ours(
    'runtime is current',
    ({ Runtime }) => Runtime === 'nodejs24.x',
    (properties) => {
      properties.Runtime = 'nodejs18.x';
    },
  ),
  every({
    area: 'Lambda',
    name: 'processors are arm64',
    type: functionType,
    demand: ({ properties }) => list(properties.Architectures)[0] === 'arm64',
    break: ({ properties }) => {
      properties.Architectures = ['x86_64'];
    },
  }),
  ours(
    'memory, disk and time-out are stated',
    ({ MemorySize, Timeout, EphemeralStorage }) => MemorySize >= 256 && Timeout > 0 && EphemeralStorage?.Size >= 512,
    (properties) => {
      properties.MemorySize = undefined;
    },
  ),
  ours(
    'time-outs: API 29 s, workers 120 s, maintenance, streams and migrations 900 s',
    (properties) => properties.Timeout <= (limits[handlerOf(properties)] ?? workerLimit),
    (properties) => {
      properties.Timeout = 901;
    },
  ),
  every({
    area: 'Lambda',
    name: 'a stage for tests cuts time-outs off',
    binds: ({ operations }) => operations.functionTimeoutCap !== null,
    type: functionType,
    where: (found) => isOurFunction(found) && handlerOf(found.properties) !== 'deploy/migrate-database',
    demand: ({ properties }, _system, { operations }) => properties.Timeout <= (operations.functionTimeoutCap ?? 900),
    break: ({ properties }) => {
      properties.Timeout = 28;
    },
  }),
  {
    area: 'Lambda',
    name: 'concurrency is reserved for the API and for nobody else',
    check: (system) =>
      resourcesOf(system, functionType)
        .filter(
          ({ properties }) => handlerOf(properties).startsWith('http/') !== properties.ReservedConcurrentExecutions > 0,
        )
        .map(({ id }) => id),
    spoil: (system) => {
      functionNamed(system, 'http/api').properties.ReservedConcurrentExecutions = undefined;
    },
  },
  every({
    area: 'Lambda',
    name: 'every event source has a maximum concurrency',
    type: mappingType,
    demand: ({ properties }) => properties.ScalingConfig?.MaximumConcurrency >= 2,
    break: ({ properties }) => {
      properties.ScalingConfig = undefined;
    },
  }),
  every({
    area: 'Lambda',
    name: 'every event source reports failures message by message',
    type: mappingType,
    demand: ({ properties }) => list(properties.FunctionResponseTypes).includes('ReportBatchItemFailures'),
    break: ({ properties }) => {
      properties.FunctionResponseTypes = undefined;
    },
  }),
  every({
    area: 'Lambda',
    name: 'documents are ingested ten at a time, and none waits for others to come',
    type: mappingType,
    where: ({ properties }, system) =>
      functionIdOf(properties.FunctionName, system) === functionNamed(system, 'queue/ingest-document').id,
    demand: ({ properties }) => properties.BatchSize === 10 && properties.MaximumBatchingWindowInSeconds === undefined,
    break: ({ properties }) => {
      properties.MaximumBatchingWindowInSeconds = 1;
    },
  }),
  {
    area: 'Lambda',
    name: 'event sources together open no more connections than the database admits',
    check: (system, stage) => {
      const sources = resourcesOf(system, mappingType).map(
        ({ properties }) => properties.ScalingConfig?.MaximumConcurrency ?? Number.POSITIVE_INFINITY,
      );
      const reserved = resourcesOf(system, functionType).map(
        ({ properties }) => properties.ReservedConcurrentExecutions ?? 0,
      );
      const environments = [...sources, ...reserved].reduce((sum, each) => sum + each, 0);
      const open = environments * connectionsEach(stage);
      return open <= connectionsAdmitted(stage) ? [] : [`${open} of ${connectionsAdmitted(stage)}`];
    },
    spoil: (system, stage) => {
      resourceNamed(system, mappingType, 'FunctionsEmbedChunksFromembedlow').properties.ScalingConfig = {
        MaximumConcurrency: connectionsAdmitted(stage),
      };
    },
  },
  {
    area: 'Lambda',
    name: 'concurrency of each priority is what the stage says, or what follows from it',
    check: (system, stage) =>
      (['critical', 'default', 'low'] as const).flatMap((priority) =>
        [
          { prefix: `FunctionsIngestDocumentFromingest${priority}`, wanted: workConcurrency(stage).ingest[priority] },
          { prefix: `FunctionsEmbedChunksFromembed${priority}`, wanted: workConcurrency(stage).embed[priority] },
        ]
          .filter(({ prefix, wanted }) => {
            const { properties } = resourceNamed(system, mappingType, prefix);
            return properties.ScalingConfig?.MaximumConcurrency !== wanted;
          })
          .map(({ prefix }) => prefix),
      ),
    spoil: (system) => {
      resourceNamed(system, mappingType, 'FunctionsEmbedChunksFromembedlow').properties.ScalingConfig = {
        MaximumConcurrency: 999,
      };
    },
  },
  ours(
    'traces are taken',
    ({ TracingConfig }) => TracingConfig?.Mode === 'Active',
    (properties) => {
      properties.TracingConfig = undefined;
    },
  ),
  ours(
    'no environment holds a secret',
    ({ Environment }) =>
      Object.entries(Environment.Variables).every(
        ([name, value]) => !secretLike.test(name) && !secretValue.test(JSON.stringify(value)),
      ),
    (properties) => {
      properties.Environment.Variables.SOMETHING = 'postgres://dbrag_app:hunter2@host/dbrag';
    },
  ),
  ours(
    'no inspector, no layers, no module preloads',
    ({ Environment, Layers }) =>
      list(Layers).length === 0 && !/inspect|--require|--import/.test(Environment.Variables.NODE_OPTIONS ?? ''),
    (properties) => {
      properties.Environment.Variables.NODE_OPTIONS = '--inspect=0.0.0.0:9229';
    },
  ),
  {
    area: 'Lambda',
    name: 'no function has a URL of its own',
    check: (system) => resourcesOf(system, 'AWS::Lambda::Url').map(({ id }) => id),
    spoil: ({ service }) => {
      service.Resources.Door = { Type: 'AWS::Lambda::Url', Properties: { AuthType: 'NONE' } };
    },
  },
  {
    area: 'Lambda',
    name: 'one bundle serves every function',
    check: (system) => {
      const bundles = resourcesOf(system, functionType)
        .filter(isOurFunction)
        .map(({ properties }) => properties.Code.S3Key);
      return [...new Set(bundles)].slice(1);
    },
    spoil: (system) => {
      functionNamed(system, 'http/api').properties.Code.S3Key = 'other.zip';
    },
  },
  every({
    area: 'Lambda',
    name: 'no function is touched before the migration has run',
    type: functionType,
    where: (found) => isOurFunction(found) && handlerOf(found.properties) !== 'deploy/migrate-database',
    demand: ({ resource }) => list(resource.DependsOn).some((id) => id.startsWith('MigrationRun')),
    break: ({ resource }) => {
      resource.DependsOn = [];
    },
  }),
  every({
    area: 'Lambda',
    name: 'the migration runs again when the migrations change, after its ways and rights exist',
    type: 'Custom::DatabaseMigration',
    demand: ({ resource, properties }, system) =>
      /^[0-9a-f]{64}$/.test(properties.migrations) &&
      targetOf(properties.ServiceToken) === functionNamed(system, 'deploy/migrate-database').id &&
      list(resource.DependsOn).some((id) => id.includes('DatabaseSecurityGroup')),
    break: ({ properties }) => {
      properties.migrations = undefined;
    },
  }),
];
