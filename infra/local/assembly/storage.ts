import type { Bucket, BucketNotification, Cache, CorsRule, Database, Key, Queue, Secret } from './model.ts';
import { arn } from './names.ts';
import { booleanProperty, elements, members, numberProperty, optionalText, textProperty, texts } from './property.ts';
import {
  attributeOf,
  bucketName,
  type Endpoints,
  managedSecretName,
  noEndpoints,
  queueName,
  secretName,
} from './references.ts';
import type { Properties, Resource } from './resource.ts';
import { notificationsType } from './resource-types.ts';
import { AssemblyError } from './template.ts';
import type { AssemblyWorld } from './world.ts';

const identity = (resource: Resource, name: string, arnAttribute: string) => ({
  stack: resource.stack.name,
  logicalId: resource.logicalId,
  name,
  arn: String(attributeOf(resource, arnAttribute, noEndpoints)),
});

export function readQueues(world: AssemblyWorld, endpoints: Endpoints): readonly Queue[] {
  return world.resourcesOf('AWS::SQS::Queue').map((resource) => {
    const redrive = members(resource.properties.RedrivePolicy);
    const name = queueName(resource);
    return {
      ...identity(resource, name, 'Arn'),
      url: endpoints.queueUrl(name),
      visibilityTimeoutSeconds: numberProperty(resource, 'VisibilityTimeout', 30),
      delaySeconds: numberProperty(resource, 'DelaySeconds', 0),
      retentionSeconds: numberProperty(resource, 'MessageRetentionPeriod', 345_600),
      receiveWaitSeconds: numberProperty(resource, 'ReceiveMessageWaitTimeSeconds', 0),
      maximumMessageBytes: numberProperty(resource, 'MaximumMessageSize', 1_048_576),
      fifo: booleanProperty(resource, 'FifoQueue', false),
      redrive:
        redrive.deadLetterTargetArn === undefined
          ? null
          : {
              deadLetterArn: String(redrive.deadLetterTargetArn),
              maximumReceives: Number(redrive.maxReceiveCount),
            },
      keyArn: keyArn(resource.properties.KmsMasterKeyId),
    };
  });
}

/** Buckets, with the notifications that the CDK keeps in a custom resource of their own. */
export function readBuckets(world: AssemblyWorld): readonly Bucket[] {
  const notifications = world.resourcesOf(notificationsType);
  return world.resourcesOf('AWS::S3::Bucket').map((resource) => {
    const name = bucketName(resource);
    const encryption = members(
      members(elements(members(resource.properties.BucketEncryption).ServerSideEncryptionConfiguration)[0])
        .ServerSideEncryptionByDefault,
    );
    const retention = members(members(members(resource.properties.ObjectLockConfiguration).Rule).DefaultRetention);
    return {
      ...identity(resource, name, 'Arn'),
      versioned: members(resource.properties.VersioningConfiguration).Status === 'Enabled',
      objectLock: {
        enabled: booleanProperty(resource, 'ObjectLockEnabled', false),
        retention:
          retention.Mode === undefined
            ? null
            : { mode: String(retention.Mode), days: Number(retention.Days ?? Number(retention.Years ?? 0) * 365) },
      },
      cors: elements(members(resource.properties.CorsConfiguration).CorsRules).map((rule) => corsRule(members(rule))),
      keyArn: keyArn(encryption.KMSMasterKeyID),
      notifications: notifications
        .filter((notification) => textProperty(notification, 'BucketName') === name)
        .flatMap(queueNotifications),
    };
  });
}

function corsRule(rule: Properties): CorsRule {
  return {
    allowedMethods: texts(rule.AllowedMethods),
    allowedOrigins: texts(rule.AllowedOrigins),
    allowedHeaders: texts(rule.AllowedHeaders),
    exposedHeaders: texts(rule.ExposedHeaders),
    maxAgeSeconds: rule.MaxAge === undefined ? null : Number(rule.MaxAge),
  };
}

function queueNotifications(resource: Resource): readonly BucketNotification[] {
  const configuration = members(resource.properties.NotificationConfiguration);
  return elements(configuration.QueueConfigurations).map((item, index) => {
    const queue = members(item);
    const rules = elements(members(members(queue.Filter).Key).FilterRules).map(members);
    const filter = (name: string): string =>
      String(rules.find((rule) => String(rule.Name).toLowerCase() === name)?.Value ?? '');
    return {
      id: `${resource.logicalId}-${index}`,
      queueArn: String(queue.QueueArn),
      events: texts(queue.Events),
      prefix: filter('prefix'),
      suffix: filter('suffix'),
    };
  });
}

export function readSecrets(world: AssemblyWorld): readonly Secret[] {
  const declared = world.resourcesOf('AWS::SecretsManager::Secret').map((resource) => {
    const generate = resource.properties.GenerateSecretString;
    return {
      ...identity(resource, secretName(resource), 'Ref'),
      description: optionalText(resource.properties.Description) ?? '',
      generate: generate === undefined ? null : (members(generate) as Secret['generate']),
      value: optionalText(resource.properties.SecretString),
      keyArn: keyArn(resource.properties.KmsKeyId),
    };
  });
  return [...declared, ...world.resourcesOf('AWS::RDS::DBCluster').filter(managesPassword).map(managedPassword)];
}

const managesPassword = (resource: Resource): boolean => booleanProperty(resource, 'ManageMasterUserPassword', false);

/** The secret that RDS makes for the owner of a cluster. */
function managedPassword(resource: Resource): Secret {
  return {
    ...identity(resource, managedSecretName(resource), 'MasterUserSecret.SecretArn'),
    description: 'login of the owner of the database',
    generate: {
      SecretStringTemplate: JSON.stringify({ username: textProperty(resource, 'MasterUsername') }),
      GenerateStringKey: 'password',
      PasswordLength: 32,
      ExcludePunctuation: true,
    },
    value: null,
    keyArn: keyArn(members(resource.properties.MasterUserSecret).KmsKeyId),
  };
}

export function readKeys(world: AssemblyWorld): readonly Key[] {
  const aliases = world.resourcesOf('AWS::KMS::Alias');
  return world.resourcesOf('AWS::KMS::Key').map((resource) => {
    const id = String(attributeOf(resource, 'KeyId', noEndpoints));
    const { stack, logicalId, arn: keyArnOfResource } = identity(resource, id, 'Arn');
    return {
      stack,
      logicalId,
      id,
      arn: keyArnOfResource,
      aliases: aliases
        .filter((alias) => [id, keyArnOfResource].includes(textProperty(alias, 'TargetKeyId')))
        .map((alias) => textProperty(alias, 'AliasName')),
    };
  });
}

/** Templates name a key by its ARN or by its id; keys that AWS itself manages (`alias/aws/…`) have no local counterpart. */
function keyArn(value: Properties[string] | undefined): string | null {
  const text = optionalText(value);
  if (text === null || text.startsWith('alias/aws/')) return null;
  return text.startsWith('arn:') ? text : arn('kms', `key/${text}`);
}

export function readDatabases(world: AssemblyWorld): readonly Database[] {
  return world.resourcesOf('AWS::RDS::DBCluster').map((resource) => ({
    logicalId: resource.logicalId,
    name: optionalText(resource.properties.DatabaseName) ?? 'postgres',
    ownerSecretArn: ownerSecretArn(resource),
  }));
}

function ownerSecretArn(resource: Resource): string {
  if (managesPassword(resource)) return String(attributeOf(resource, 'MasterUserSecret.SecretArn', noEndpoints));
  const password = String(resource.properties.MasterUserPassword);
  const named = /\{\{resolve:secretsmanager:(arn:[^}]*?):SecretString:/.exec(password)?.[1];
  if (named !== undefined) return named;
  throw new AssemblyError(resource.stack.name, resource.logicalId, 'the password of its owner is in no secret');
}

export function readCaches(world: AssemblyWorld): readonly Cache[] {
  return world
    .resourcesOf('AWS::ElastiCache::ServerlessCache', 'AWS::ElastiCache::ReplicationGroup')
    .map((resource) => ({
      logicalId: resource.logicalId,
      engine: optionalText(resource.properties.Engine) ?? 'redis',
    }));
}
