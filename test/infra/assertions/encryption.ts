import { type Assertion, every, isOurFunction, type Json, leadsTo, list, resourcesOf } from './assertion.ts';
import { actionsOf, resourcePolicies, statementsOf } from './policies.ts';

const dataKey = (value: Json) => leadsTo(value, 'KeysData');
const secretsKey = (value: Json) => leadsTo(value, 'KeysSecrets');
const logsKey = (value: Json) => leadsTo(value, 'KeysLogs');

/** `demand` that one property is a key of ours, and the mutation that takes it away. */
function encryptedWith(
  type: string,
  property: string,
  isKey: (value: Json) => boolean,
  name: string,
  where?: Parameters<typeof every>[0]['where'],
): Assertion {
  return every({
    area: 'encryption',
    name,
    type,
    ...(where ? { where } : {}),
    demand: ({ properties }) => isKey(properties[property]),
    break: ({ properties }) => {
      properties[property] = undefined;
    },
  });
}

export const encryptionAssertions: readonly Assertion[] = [
  every({
    area: 'encryption',
    name: 'keys rotate every year',
    type: 'AWS::KMS::Key',
    demand: ({ properties }) => properties.EnableKeyRotation === true,
    break: ({ properties }) => {
      properties.EnableKeyRotation = false;
    },
  }),
  every({
    area: 'encryption',
    name: 'keys are kept, and wait 30 days before they are deleted',
    type: 'AWS::KMS::Key',
    demand: ({ resource, properties }) => resource.DeletionPolicy === 'Retain' && properties.PendingWindowInDays === 30,
    break: ({ resource }) => {
      resource.DeletionPolicy = 'Delete';
    },
  }),
  {
    area: 'encryption',
    name: 'no key policy admits everybody, and services only for this account',
    check: (system) =>
      resourcePolicies(system, 'AWS::KMS::Key').flatMap(({ id, statements }) =>
        statements
          .filter(({ Principal, Condition }) => {
            const text = JSON.stringify(Principal);
            const everybody = Principal === '*' || text.includes('"*"');
            return everybody || (Principal.Service !== undefined && Condition === undefined);
          })
          .map(() => id),
      ),
    spoil: (system) => {
      const key = resourcesOf(system, 'AWS::KMS::Key')[0];
      key?.properties.KeyPolicy.Statement.push({ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'kms:Decrypt' });
    },
  },
  {
    area: 'encryption',
    name: 'three keys: data, secrets, logs',
    check: (system) => {
      const ids = resourcesOf(system, 'AWS::KMS::Key').map(({ id }) => id);
      return ['KeysData', 'KeysSecrets', 'KeysLogs'].filter((prefix) => !ids.some((id) => id.startsWith(prefix)));
    },
    spoil: ({ data }) => {
      const key = resourcesOf(data, 'AWS::KMS::Key')[0];
      if (key) delete data.Resources[key.id];
    },
  },
  {
    area: 'encryption',
    name: 'functions use keys only on behalf of a service, or for keys of the audit trail',
    check: (system) =>
      statementsOf(system)
        .filter(({ policy }) => policy.startsWith('Functions'))
        .filter((one) => actionsOf(one).some((action) => action.startsWith('kms:')))
        .filter(({ statement }) => {
          const { 'kms:ViaService': service, 'kms:EncryptionContext:dbrag:purpose': purpose } =
            statement.Condition?.StringEquals ?? {};
          return service === undefined && purpose !== 'audit';
        })
        .map(({ policy }) => policy),
    spoil: (system) => {
      for (const one of statementsOf(system)) if (one.statement.Condition) one.statement.Condition = undefined;
    },
  },
  every({
    area: 'encryption',
    name: 'buckets are encrypted with the data key and a bucket key; access logs can have only S3’s own',
    type: 'AWS::S3::Bucket',
    demand: ({ id, properties }) => {
      const [rule] = list(properties.BucketEncryption?.ServerSideEncryptionConfiguration);
      if (id.startsWith('StorageAccessLogs')) return rule?.ServerSideEncryptionByDefault?.SSEAlgorithm === 'AES256';
      return rule?.BucketKeyEnabled === true && dataKey(rule.ServerSideEncryptionByDefault?.KMSMasterKeyID);
    },
    break: ({ properties }) => {
      properties.BucketEncryption = undefined;
    },
  }),
  encryptedWith('AWS::SQS::Queue', 'KmsMasterKeyId', dataKey, 'queues are encrypted with the data key'),
  encryptedWith('AWS::RDS::DBCluster', 'KmsKeyId', dataKey, 'Aurora is encrypted with the data key'),
  every({
    area: 'encryption',
    name: 'the master password is encrypted with the secrets key',
    type: 'AWS::RDS::DBCluster',
    demand: ({ properties }) => secretsKey(properties.MasterUserSecret?.KmsKeyId),
    break: ({ properties }) => {
      properties.MasterUserSecret = undefined;
    },
  }),
  every({
    area: 'encryption',
    name: 'performance insights are encrypted with the data key',
    binds: ({ database }) => database.performanceInsights,
    type: 'AWS::RDS::DBInstance',
    demand: ({ properties }) =>
      properties.EnablePerformanceInsights === true && dataKey(properties.PerformanceInsightsKMSKeyId),
    break: ({ properties }) => {
      properties.PerformanceInsightsKMSKeyId = undefined;
    },
  }),
  encryptedWith('AWS::ElastiCache::ServerlessCache', 'KmsKeyId', dataKey, 'the cache is encrypted with the data key'),
  encryptedWith('AWS::Logs::LogGroup', 'KmsKeyId', logsKey, 'log groups are encrypted with the logs key'),
  encryptedWith(
    'AWS::Lambda::Function',
    'KmsKeyArn',
    dataKey,
    'environments of functions are encrypted with the data key',
    isOurFunction,
  ),
  encryptedWith('AWS::SecretsManager::Secret', 'KmsKeyId', secretsKey, 'secrets are encrypted with the secrets key'),
  {
    ...encryptedWith('AWS::SNS::Topic', 'KmsMasterKeyId', dataKey, 'topics are encrypted with the data key'),
    binds: ({ operations }) => operations.alarmEmail !== null,
  },
  every({
    area: 'encryption',
    name: 'a NAT instance gives its credentials only against a token, and to nobody behind it',
    binds: ({ network }) => network.egress === 'nat-instance',
    type: 'AWS::EC2::Instance',
    demand: ({ properties }) =>
      properties.MetadataOptions?.HttpTokens === 'required' && properties.MetadataOptions.HttpPutResponseHopLimit === 1,
    break: ({ properties }) => {
      properties.MetadataOptions.HttpTokens = 'optional';
    },
  }),
  every({
    area: 'encryption',
    name: 'the disk of a NAT instance is encrypted',
    binds: ({ network }) => network.egress === 'nat-instance',
    type: 'AWS::EC2::Instance',
    demand: ({ properties }) => list(properties.BlockDeviceMappings).some(({ Ebs }) => Ebs?.Encrypted === true),
    break: ({ properties }) => {
      properties.BlockDeviceMappings = undefined;
    },
  }),
];
