import type { Resolved } from './intrinsics.ts';
import { arn, keyId, localRegion, physicalName, restApiId, secretArn } from './names.ts';
import type { Resource } from './resource.ts';
import { isCustomResource, typesWithoutLocalMeaning } from './resource-types.ts';
import { AssemblyError } from './template.ts';

/** Values that exist only once the local servers listen. */
export interface Endpoints {
  readonly database: Endpoint;
  readonly cache: Endpoint;
  /** URL of a queue by its name. */
  queueUrl(queueName: string): string;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Stands in while no server listens: enough to learn which queues, buckets and functions there are. */
export const noEndpoints: Endpoints = {
  database: { host: '127.0.0.1', port: 0 },
  cache: { host: '127.0.0.1', port: 0 },
  queueUrl: (name) => `http://127.0.0.1:0/000000000000/${name}`,
};

type Attributes = Readonly<Record<string, (resource: Resource, endpoints: Endpoints) => Resolved>>;

const name = (resource: Resource, property: string, maximumLength: number): string => {
  const given = resource.properties[property];
  return typeof given === 'string' ? given : physicalName(resource.stack.name, resource.logicalId, maximumLength);
};

export const functionName = (resource: Resource): string => name(resource, 'FunctionName', 64);
export const roleName = (resource: Resource): string => name(resource, 'RoleName', 64);
export const queueName = (resource: Resource): string => name(resource, 'QueueName', 80);
export const secretName = (resource: Resource): string => name(resource, 'Name', 128);
export const ruleName = (resource: Resource): string => name(resource, 'Name', 64);
const policyName = (resource: Resource): string => name(resource, 'ManagedPolicyName', 128);
/** RDS names the secret of a password that it manages itself. */
export const managedSecretName = (resource: Resource): string =>
  `rds!cluster-${physicalName(resource.stack.name, resource.logicalId, 100)}`;
/** Bucket names are lower case. */
export const bucketName = (resource: Resource): string => name(resource, 'BucketName', 63).toLowerCase();

const functionArn = (resource: Resource): string => arn('lambda', `function:${functionName(resource)}`);
const queueArn = (resource: Resource): string => arn('sqs', queueName(resource));
const bucketArn = (resource: Resource): string => arn('s3', bucketName(resource), ':');
const roleArn = (resource: Resource): string => arn('iam', `role/${roleName(resource)}`, ':000000000000');
const keyIdOf = (resource: Resource): string => keyId(resource.stack.name, resource.logicalId);
const text = (value: Resolved | undefined): string => String(value ?? '');

/** A version and an alias act as the function itself. */
const unqualified: Attributes = {
  Ref: (resource) => {
    const given = text(resource.properties.FunctionName);
    return given.startsWith('arn:') ? given : arn('lambda', `function:${given}`);
  },
};

/** Per type: what `Ref` and each attribute give. */
const attributesByType: Readonly<Record<string, Attributes>> = {
  'AWS::ApiGateway::RestApi': {
    Ref: (resource) => restApiId(resource.stack.name, resource.logicalId),
    RestApiId: (resource) => restApiId(resource.stack.name, resource.logicalId),
    RootResourceId: () => 'root',
  },
  'AWS::ApiGateway::Resource': { Ref: (resource) => resource.logicalId },
  'AWS::ApiGateway::Stage': { Ref: (resource) => text(resource.properties.StageName) },
  'AWS::ApiGateway::Method': { Ref: (resource) => resource.logicalId },
  'AWS::ApiGateway::GatewayResponse': { Ref: (resource) => resource.logicalId },
  'AWS::ElastiCache::ServerlessCache': {
    Ref: (resource) => name(resource, 'ServerlessCacheName', 40),
    ARN: (resource) => arn('elasticache', `serverlesscache:${name(resource, 'ServerlessCacheName', 40)}`),
    'Endpoint.Address': (_, { cache }) => cache.host,
    'Endpoint.Port': (_, { cache }) => String(cache.port),
    'ReaderEndpoint.Address': (_, { cache }) => cache.host,
    'ReaderEndpoint.Port': (_, { cache }) => String(cache.port),
  },
  'AWS::ElastiCache::ReplicationGroup': {
    Ref: (resource) => name(resource, 'ReplicationGroupId', 40),
    'ConfigurationEndPoint.Address': (_, { cache }) => cache.host,
    'ConfigurationEndPoint.Port': (_, { cache }) => String(cache.port),
    'PrimaryEndPoint.Address': (_, { cache }) => cache.host,
    'PrimaryEndPoint.Port': (_, { cache }) => String(cache.port),
    'ReaderEndPoint.Address': (_, { cache }) => cache.host,
    'ReaderEndPoint.Port': (_, { cache }) => String(cache.port),
  },
  'AWS::Events::EventBus': {
    Ref: (resource) => name(resource, 'Name', 256),
    Name: (resource) => name(resource, 'Name', 256),
    Arn: (resource) => arn('events', `event-bus/${name(resource, 'Name', 256)}`),
  },
  'AWS::Events::Rule': { Ref: ruleName, Arn: (resource) => arn('events', `rule/${ruleName(resource)}`) },
  'AWS::IAM::ManagedPolicy': { Ref: (resource) => arn('iam', `policy/${policyName(resource)}`, ':000000000000') },
  'AWS::IAM::Policy': { Ref: (resource) => text(resource.properties.PolicyName) },
  'AWS::IAM::Role': { Ref: roleName, Arn: roleArn, RoleId: roleName },
  'AWS::KMS::Alias': { Ref: (resource) => text(resource.properties.AliasName) },
  'AWS::KMS::Key': { Ref: keyIdOf, KeyId: keyIdOf, Arn: (resource) => arn('kms', `key/${keyIdOf(resource)}`) },
  'AWS::Lambda::Alias': unqualified,
  'AWS::Lambda::EventSourceMapping': { Ref: (resource) => resource.logicalId, Id: (resource) => resource.logicalId },
  'AWS::Lambda::Function': { Ref: functionName, Arn: functionArn },
  'AWS::Lambda::Version': { ...unqualified, Version: () => '1' },
  'AWS::RDS::DBCluster': {
    Ref: (resource) => name(resource, 'DBClusterIdentifier', 63).toLowerCase(),
    DBClusterArn: (resource) => arn('rds', `cluster:${name(resource, 'DBClusterIdentifier', 63).toLowerCase()}`),
    DBClusterResourceId: (resource) => `cluster-${resource.logicalId}`,
    'Endpoint.Address': (_, { database }) => database.host,
    'Endpoint.Port': (_, { database }) => String(database.port),
    'ReadEndpoint.Address': (_, { database }) => database.host,
    'MasterUserSecret.SecretArn': (resource) => secretArn(managedSecretName(resource)),
  },
  'AWS::RDS::DBProxy': {
    Ref: (resource) => name(resource, 'DBProxyName', 63),
    DBProxyArn: (resource) => arn('rds', `db-proxy:${resource.logicalId}`),
    Endpoint: (_, { database }) => database.host,
  },
  'AWS::S3::Bucket': {
    Ref: bucketName,
    Arn: bucketArn,
    DomainName: (resource) => `${bucketName(resource)}.s3.amazonaws.com`,
    RegionalDomainName: (resource) => `${bucketName(resource)}.s3.${localRegion}.amazonaws.com`,
  },
  'AWS::SQS::Queue': {
    Ref: (resource, { queueUrl }) => queueUrl(queueName(resource)),
    QueueUrl: (resource, { queueUrl }) => queueUrl(queueName(resource)),
    QueueName: queueName,
    Arn: queueArn,
  },
  'AWS::Scheduler::Schedule': {
    Ref: ruleName,
    Arn: (resource) => arn('scheduler', `schedule/default/${ruleName(resource)}`),
  },
  'AWS::SecretsManager::Secret': {
    Ref: (resource) => secretArn(secretName(resource)),
    Id: (resource) => secretArn(secretName(resource)),
  },
  'AWS::SecretsManager::SecretTargetAttachment': { Ref: (resource) => text(resource.properties.SecretId) },
};

/** `{Ref: logicalId}` of a resource. */
export function referenceTo(resource: Resource, endpoints: Endpoints): Resolved {
  return attributeOf(resource, 'Ref', endpoints);
}

/** `{Fn::GetAtt: [logicalId, attribute]}` of a resource. Throws `AssemblyError` for an attribute that it does not know. */
export function attributeOf(resource: Resource, attribute: string, endpoints: Endpoints): Resolved {
  const known = attributesByType[resource.type]?.[attribute];
  if (known) return known(resource, endpoints);
  if (resource.type === 'AWS::EC2::VPC' && attribute === 'CidrBlock') return text(resource.properties.CidrBlock);
  // Nothing local looks inside these: a stable word that no two resources share is enough.
  if (typesWithoutLocalMeaning.has(resource.type) || isCustomResource(resource.type)) {
    return attribute === 'Ref' ? resource.logicalId : `${resource.logicalId}.${attribute}`;
  }
  throw new AssemblyError(
    resource.stack.name,
    resource.logicalId,
    `${attribute} of ${resource.type} has no local value`,
  );
}
