import { environmentNames as names } from '../../../shared/core/env-names.ts';
import {
  type Assertion,
  every,
  functionNamed,
  type Json,
  leadsTo,
  list,
  resourcesOf,
  type System,
} from './assertion.ts';

const clusterType = 'AWS::RDS::DBCluster';
const parametersType = 'AWS::RDS::DBClusterParameterGroup';
/** Extensions whose SQL reaches out of the database. */
const reachOut = /dblink|fdw|aws_s3|aws_lambda|file_fdw/;

type Cluster = Parameters<Parameters<typeof every>[0]['demand']>;

function cluster(
  name: string,
  demand: (properties: Json, ...context: [Cluster[1], Cluster[2]]) => boolean,
  spoil: (properties: Json) => void,
): Assertion {
  return every({
    area: 'Aurora',
    name,
    type: clusterType,
    demand: ({ properties }, system, stage) => demand(properties, system, stage),
    break: ({ properties }) => spoil(properties),
  });
}

function parameter(name: string, demand: (parameters: Json) => boolean, spoil: (parameters: Json) => void): Assertion {
  return every({
    area: 'Aurora',
    name,
    type: parametersType,
    demand: ({ properties }) => demand(properties.Parameters),
    break: ({ properties }) => spoil(properties.Parameters),
  });
}

const searching = ['http/api', 'http/stream'];
const variablesOf = (system: System, handler: string): Json =>
  functionNamed(system, handler).properties.Environment.Variables;

export const databaseAssertions: readonly Assertion[] = [
  cluster(
    'storage is encrypted',
    ({ StorageEncrypted }) => StorageEncrypted === true,
    (properties) => {
      properties.StorageEncrypted = false;
    },
  ),
  cluster(
    'nobody deletes it by mistake',
    ({ DeletionProtection }, _system, { operations }) => DeletionProtection === (operations.dataOnRemoval === 'keep'),
    (properties) => {
      properties.DeletionProtection = !properties.DeletionProtection;
    },
  ),
  every({
    area: 'Aurora',
    name: 'a last snapshot is taken when it goes',
    binds: ({ operations }) => operations.dataOnRemoval === 'keep',
    type: clusterType,
    demand: ({ resource }) => resource.DeletionPolicy === 'Snapshot' && resource.UpdateReplacePolicy === 'Snapshot',
    break: ({ resource }) => {
      resource.DeletionPolicy = 'Delete';
    },
  }),
  cluster(
    'backups reach back as far as the stage says, in production at least 14 days',
    ({ BackupRetentionPeriod }, _system, { name, database }) =>
      BackupRetentionPeriod === database.backupDays && (name !== 'production' || BackupRetentionPeriod >= 14),
    (properties) => {
      properties.BackupRetentionPeriod = 1;
    },
  ),
  cluster(
    'snapshots carry the tags',
    ({ CopyTagsToSnapshot }) => CopyTagsToSnapshot === true,
    (properties) => {
      properties.CopyTagsToSnapshot = false;
    },
  ),
  cluster(
    'people may log in with IAM',
    ({ EnableIAMDatabaseAuthentication }) => EnableIAMDatabaseAuthentication === true,
    (properties) => {
      properties.EnableIAMDatabaseAuthentication = false;
    },
  ),
  cluster(
    'RDS makes and rotates the master password',
    ({ ManageMasterUserPassword, MasterUserPassword }) =>
      ManageMasterUserPassword === true && MasterUserPassword === undefined,
    (properties) => {
      properties.MasterUserPassword = 'hunter2';
    },
  ),
  cluster(
    'the master is none of the roles that functions use',
    ({ MasterUsername }) => !['dbrag_owner', 'dbrag_app', 'dbrag_maintainer', 'postgres'].includes(MasterUsername),
    (properties) => {
      properties.MasterUsername = 'dbrag_app';
    },
  ),
  cluster(
    'the log is exported',
    ({ EnableCloudwatchLogsExports }) => list(EnableCloudwatchLogsExports).includes('postgresql'),
    (properties) => {
      properties.EnableCloudwatchLogsExports = undefined;
    },
  ),
  every({
    area: 'Aurora',
    name: 'the exported log has a group of ours, which exists before the cluster',
    type: clusterType,
    demand: ({ resource, properties }, system) => {
      const name = `/aws/rds/cluster/${properties.DBClusterIdentifier}/postgresql`;
      const group = resourcesOf(system, 'AWS::Logs::LogGroup').find((one) => one.properties.LogGroupName === name);
      return group !== undefined && list(resource.DependsOn).includes(group.id);
    },
    break: ({ resource }) => {
      resource.DependsOn = [];
    },
  }),
  cluster(
    'it listens on a port that is not the default',
    ({ Port }, _system, { database }) => Port === database.port && Port !== 5432,
    (properties) => {
      properties.Port = undefined;
    },
  ),
  cluster(
    'version 17.9 or newer',
    ({ Engine, EngineVersion }) => Engine === 'aurora-postgresql' && Number(EngineVersion) >= 17.9,
    (properties) => {
      properties.EngineVersion = '16.4';
    },
  ),
  cluster(
    'it scales as the stage says, and sleeps where its least is nothing',
    ({ ServerlessV2ScalingConfiguration: scaling }, _system, { database: { capacity, autoPauseAfter } }) =>
      scaling.MinCapacity === capacity.minimum &&
      scaling.MaxCapacity === capacity.maximum &&
      scaling.SecondsUntilAutoPause === (capacity.minimum === 0 ? autoPauseAfter : undefined),
    (properties) => {
      properties.ServerlessV2ScalingConfiguration.MinCapacity += 0.5;
    },
  ),
  {
    area: 'Aurora',
    name: 'a writer and the stage’s readers; in production at least two instances',
    check: (system, { name, database }) => {
      const found = resourcesOf(system, 'AWS::RDS::DBInstance').length;
      const enough = found === 1 + database.readers && (name !== 'production' || found >= 2);
      return enough ? [] : [`${found} instances`];
    },
    spoil: ({ data }) => {
      const instance = resourcesOf(data, 'AWS::RDS::DBInstance').at(-1);
      if (instance) delete data.Resources[instance.id];
    },
  },
  {
    area: 'Aurora',
    name: 'searches go to the readers where there are any, and to the writer where there are none',
    check: (system, { database }) => {
      const reading = resourcesOf(system, 'AWS::RDS::DBProxyEndpoint').find(
        ({ properties }) => properties.TargetRole === 'READ_ONLY',
      );
      return searching.filter((handler) => {
        const { [names.databaseReaderHost]: reader, [names.databaseHost]: writer } = variablesOf(system, handler);
        if (database.readers === 0) return JSON.stringify(reader) !== JSON.stringify(writer);
        if (database.proxy) return !reading || !leadsTo(reader, reading.id);
        return !/ReadEndpoint/.test(JSON.stringify(reader));
      });
    },
    spoil: (system) => {
      const variables = variablesOf(system, 'http/api');
      variables[names.databaseReaderHost] = 'elsewhere';
    },
  },
  {
    area: 'Aurora',
    name: 'a proxy stands before it only where the stage says so',
    check: (system, { database }) => {
      const found = resourcesOf(system, 'AWS::RDS::DBProxy').length;
      return found === (database.proxy ? 1 : 0) ? [] : [`${found} proxies`];
    },
    spoil: ({ data }) => {
      const proxy = resourcesOf(data, 'AWS::RDS::DBProxy')[0];
      if (proxy) delete data.Resources[proxy.id];
      else data.Resources.Proxy = { Type: 'AWS::RDS::DBProxy', Properties: {} };
    },
  },
  parameter(
    'statements are counted and schema changes audited',
    ({ shared_preload_libraries }) =>
      ['pg_stat_statements', 'pgaudit'].every((one) => shared_preload_libraries?.split(',').includes(one)),
    (parameters) => {
      parameters.shared_preload_libraries = 'pg_stat_statements';
    },
  ),
  parameter(
    'no extension that reaches out may be made',
    (parameters) =>
      parameters['rds.allowed_extensions']?.includes('vector') && !reachOut.test(parameters['rds.allowed_extensions']),
    (parameters) => {
      parameters['rds.allowed_extensions'] = 'vector,dblink';
    },
  ),
  parameter(
    'slow statements are logged',
    ({ log_min_duration_statement }) => Number(log_min_duration_statement) > 0,
    (parameters) => {
      parameters.log_min_duration_statement = '-1';
    },
  ),
  parameter(
    'a transaction that is left open ends',
    ({ idle_in_transaction_session_timeout: idle }) => Number(idle) > 0 && Number(idle) <= 60_000,
    (parameters) => {
      parameters.idle_in_transaction_session_timeout = '0';
    },
  ),
  every({
    area: 'Aurora',
    name: 'a forgotten connection does not keep a sleeper awake',
    binds: ({ database }) => !database.proxy,
    type: parametersType,
    demand: ({ properties }) => properties.Parameters.idle_session_timeout === '60000',
    break: ({ properties }) => {
      properties.Parameters.idle_session_timeout = undefined;
    },
  }),
];
