import { type Found, type Json, list, resourcesOf, type System } from './assertions/assertion.ts';

/** One thing that a careless change could do to a resource. */
export interface Mutation {
  readonly name: string;
  readonly type: string;
  /** Resources that it says something about; all, if it does not say. */
  readonly where?: (found: Found) => boolean;
  readonly apply: (found: Found, system: System) => void;
}

type Where = Mutation['where'];

/** Sets a property below `Properties`, by its path; undefined takes it away. Only where it stands. */
function set(type: string, path: string, value: unknown, where: Where = () => true): Mutation {
  const names = path.split('.');
  const parentOf = (properties: Json): Json => names.slice(0, -1).reduce((found, name) => found?.[name], properties);
  const last = names.at(-1) ?? '';
  return {
    name: `${path} ${value === undefined ? 'goes' : `becomes ${JSON.stringify(value)}`}`,
    type,
    where: (found) => parentOf(found.properties)?.[last] !== undefined && where(found),
    apply: ({ properties }) => {
      if (value === undefined) delete parentOf(properties)[last];
      else parentOf(properties)[last] = value;
    },
  };
}

const gone = (type: string, where: Where = () => true): Mutation => ({
  name: 'goes altogether',
  type,
  where,
  apply: ({ id }, { data, service }) => {
    delete data.Resources[id];
    delete service.Resources[id];
  },
});

const notRetained = (type: string): Mutation => ({
  name: 'is deleted with its stack',
  type,
  where: ({ resource }) => ['Retain', 'Snapshot'].includes(resource.DeletionPolicy ?? ''),
  apply: ({ resource }) => {
    resource.DeletionPolicy = 'Delete';
  },
});

/** What a policy says of somebody else becomes the opposite. */
const allowsWhatItDenied = (type: string): Mutation => ({
  name: 'allows what it denied',
  type,
  where: ({ properties }) => denials(properties).length > 0,
  apply: ({ properties }) => {
    for (const statement of denials(properties)) statement.Effect = 'Allow';
  },
});
const denials = ({ PolicyDocument }: Json): Json[] =>
  list(PolicyDocument?.Statement).filter(({ Effect }) => Effect === 'Deny');

const ours: Where = ({ properties }) => /^(http|queue|deploy|invoke)\//.test(properties.Handler);
const holdsContent: Where = ({ id }) => /^Storage(Content|Audit)/.test(id);
const isInterface: Where = ({ properties }) => properties.VpcEndpointType === 'Interface';

const lambda = 'AWS::Lambda::Function';
const bucket = 'AWS::S3::Bucket';
const queue = 'AWS::SQS::Queue';
const cluster = 'AWS::RDS::DBCluster';
const parameters = 'AWS::RDS::DBClusterParameterGroup';
const cache = 'AWS::ElastiCache::ServerlessCache';
const key = 'AWS::KMS::Key';
const stage = 'AWS::ApiGateway::Stage';
const mapping = 'AWS::Lambda::EventSourceMapping';
const policy = 'AWS::IAM::Policy';

const compute: readonly Mutation[] = [
  set(lambda, 'Runtime', 'nodejs20.x', ours),
  set(lambda, 'Timeout', 901, ours),
  set(lambda, 'MemorySize', undefined, ours),
  set(lambda, 'VpcConfig', undefined, ours),
  set(lambda, 'KmsKeyArn', undefined, ours),
  set(lambda, 'TracingConfig', undefined, ours),
  set(lambda, 'Architectures', ['x86_64']),
  set(lambda, 'ReservedConcurrentExecutions', undefined),
  set(lambda, 'LoggingConfig', undefined),
  set(lambda, 'Role', { 'Fn::GetAtt': ['FunctionsMigrateDatabaseRole', 'Arn'] }, ({ id }) => /HttpApi/.test(id)),
  set(lambda, 'Environment.Variables.DATABASE_TLS', 'prefer', ours),
  set(lambda, 'Environment.Variables.DATABASE_HOST', undefined),
  set(mapping, 'ScalingConfig', undefined),
  set(mapping, 'FunctionResponseTypes', undefined),
  gone('AWS::Lambda::EventSourceMapping', ({ id }) => /From(ingest|embed)/.test(id)),
  set('AWS::Lambda::Permission', 'SourceArn', undefined),
  set('AWS::Lambda::Permission', 'Principal', '*'),
];

const rights: readonly Mutation[] = [
  {
    name: 'allows every action',
    type: policy,
    apply: ({ properties }) => {
      properties.PolicyDocument.Statement[0].Action = '*';
    },
  },
  {
    name: 'holds of every resource',
    type: policy,
    where: ({ properties }) => properties.PolicyDocument.Statement[0].Resource !== '*',
    apply: ({ properties }) => {
      properties.PolicyDocument.Statement[0].Resource = '*';
    },
  },
  {
    name: 'lets its key be used for anything',
    type: policy,
    where: ({ properties }) => keyRights(properties).length > 0,
    apply: ({ properties }) => {
      for (const statement of keyRights(properties)) delete statement.Condition;
    },
  },
  {
    name: 'is worn on behalf of any account',
    type: 'AWS::IAM::Role',
    where: ({ properties }) => /lambda|apigateway/.test(JSON.stringify(properties.AssumeRolePolicyDocument)),
    apply: ({ properties }) => {
      delete properties.AssumeRolePolicyDocument.Statement[0].Condition;
    },
  },
  {
    name: 'gets a managed policy',
    type: 'AWS::IAM::Role',
    apply: ({ properties }) => {
      properties.ManagedPolicyArns = ['arn:aws:iam::aws:policy/AdministratorAccess'];
    },
  },
];
const keyRights = ({ PolicyDocument }: Json): Json[] =>
  list(PolicyDocument.Statement).filter(
    ({ Action, Condition }) => Condition && list(Action).some((action) => action.startsWith('kms:')),
  );

const data: readonly Mutation[] = [
  ...['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'].map((flag) =>
    set(bucket, `PublicAccessBlockConfiguration.${flag}`, false),
  ),
  set(bucket, 'VersioningConfiguration', undefined),
  set(bucket, 'BucketEncryption', undefined, holdsContent),
  set(bucket, 'LoggingConfiguration', undefined, holdsContent),
  set(bucket, 'LifecycleConfiguration', undefined),
  set(bucket, 'ObjectLockConfiguration', undefined),
  set(bucket, 'OwnershipControls', undefined),
  gone('AWS::S3::BucketPolicy'),
  allowsWhatItDenied('AWS::S3::BucketPolicy'),
  set(queue, 'KmsMasterKeyId', undefined),
  set(queue, 'RedrivePolicy', undefined),
  set(queue, 'RedriveAllowPolicy', undefined),
  set(queue, 'VisibilityTimeout', 1),
  set(queue, 'MessageRetentionPeriod', 60),
  gone('AWS::SQS::QueuePolicy'),
  allowsWhatItDenied('AWS::SQS::QueuePolicy'),
  set(cluster, 'StorageEncrypted', false),
  set(cluster, 'KmsKeyId', undefined),
  set(cluster, 'DeletionProtection', false),
  set(cluster, 'BackupRetentionPeriod', 1),
  set(cluster, 'EnableIAMDatabaseAuthentication', false),
  set(cluster, 'ManageMasterUserPassword', false),
  set(cluster, 'MasterUserSecret', undefined),
  set(cluster, 'Port', 5432),
  set(cluster, 'EnableCloudwatchLogsExports', undefined),
  set(cluster, 'CopyTagsToSnapshot', false),
  set('AWS::RDS::DBInstance', 'PubliclyAccessible', true),
  gone('AWS::RDS::DBInstance'),
  set('AWS::RDS::DBProxy', 'RequireTLS', false),
  gone('AWS::RDS::DBProxy'),
  set(parameters, 'Parameters', { 'rds.force_ssl': '0' }),
  set(cache, 'KmsKeyId', undefined),
  set(cache, 'UserGroupId', undefined),
  set(cache, 'CacheUsageLimits', undefined),
  set(cache, 'SecurityGroupIds', undefined),
  set('AWS::ElastiCache::User', 'AccessString', 'on ~* &* +@all'),
  set('AWS::ElastiCache::User', 'AuthenticationMode', { Type: 'no-password-required' }),
  set(key, 'EnableKeyRotation', false),
  set(key, 'PendingWindowInDays', 7),
  set('AWS::SecretsManager::Secret', 'KmsKeyId', undefined),
  set('AWS::SecretsManager::Secret', 'GenerateSecretString', undefined),
  ...[bucket, cluster, key, 'AWS::SecretsManager::Secret'].map(notRetained),
];

const edge: readonly Mutation[] = [
  set('AWS::ApiGateway::RestApi', 'SecurityPolicy', 'TLS_1_0'),
  set('AWS::ApiGateway::RestApi', 'EndpointConfiguration', { Types: ['EDGE'] }),
  set(stage, 'TracingEnabled', false),
  set(stage, 'AccessLogSetting', undefined),
  set(stage, 'MethodSettings', undefined),
  set('AWS::ApiGateway::Method', 'Integration.TimeoutInMillis', undefined),
  set('AWS::ApiGateway::GatewayResponse', 'ResponseTemplates', undefined),
  set('AWS::WAFv2::WebACL', 'Rules', []),
  gone('AWS::WAFv2::WebACLAssociation'),
  set('AWS::Logs::LogGroup', 'RetentionInDays', undefined),
  set('AWS::Logs::LogGroup', 'KmsKeyId', undefined),
  set('AWS::CloudWatch::Alarm', 'TreatMissingData', 'breaching'),
  set('AWS::CloudWatch::Alarm', 'AlarmDescription', 'Something is wrong.'),
  set('AWS::CloudWatch::Alarm', 'AlarmActions', undefined),
  set('AWS::SNS::Topic', 'KmsMasterKeyId', undefined),
  gone('AWS::SNS::TopicPolicy'),
];

const network: readonly Mutation[] = [
  {
    name: 'lets everything out',
    type: 'AWS::EC2::SecurityGroup',
    apply: ({ properties }) => {
      properties.SecurityGroupEgress = [{ CidrIp: '0.0.0.0/0', IpProtocol: '-1' }];
    },
  },
  {
    name: 'lets the internet in',
    type: 'AWS::EC2::SecurityGroupIngress',
    apply: ({ properties }) => {
      properties.CidrIp = '0.0.0.0/0';
    },
  },
  set('AWS::EC2::SecurityGroupEgress', 'ToPort', 65_535),
  set('AWS::EC2::SecurityGroupEgress', 'FromPort', 0),
  set('AWS::EC2::Subnet', 'MapPublicIpOnLaunch', true),
  set('AWS::EC2::FlowLog', 'TrafficType', 'REJECT'),
  gone('AWS::EC2::FlowLog'),
  gone('AWS::EC2::NatGateway'),
  set('AWS::EC2::VPCEndpoint', 'PolicyDocument', undefined, isInterface),
  set('AWS::EC2::VPCEndpoint', 'PrivateDnsEnabled', false, isInterface),
  set('AWS::EC2::Instance', 'MetadataOptions', undefined),
  set('AWS::EC2::Instance', 'BlockDeviceMappings', undefined),
];

const mutations: readonly Mutation[] = [...compute, ...rights, ...data, ...edge, ...network];

export interface Mutant {
  readonly mutation: Mutation;
  readonly id: string;
}

/** At most `each` resources for each mutation, chosen by the seed. */
export function mutantsOf(system: System, each: number, seed: number): Mutant[] {
  const chance = chances(seed);
  return mutations.flatMap((mutation) => {
    const found = resourcesOf(system, mutation.type).filter((one) => mutation.where?.(one) ?? true);
    const chosen: Mutant[] = [];
    while (found.length > 0 && chosen.length < each)
      for (const { id } of found.splice(chance(found.length), 1)) chosen.push({ mutation, id });
    return chosen;
  });
}

/** A copy of the templates in which one resource is changed. */
export function mutated(system: System, { mutation, id }: Mutant): System {
  const copy = structuredClone(system);
  const found = resourcesOf(copy, mutation.type).find((one) => one.id === id);
  if (found) mutation.apply(found, copy);
  return copy;
}

/** Whole numbers from 0, the same for the same seed (mulberry32). */
function chances(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
