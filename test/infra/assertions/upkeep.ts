import {
  type Assertion,
  every,
  isOurFunction,
  type Json,
  leadsTo,
  list,
  resourcesOf,
  type System,
} from './assertion.ts';

const secretType = 'AWS::SecretsManager::Secret';
const logGroupType = 'AWS::Logs::LogGroup';
/** What holds data and cannot be made again. */
const stateful = [
  'AWS::S3::Bucket',
  'AWS::RDS::DBCluster',
  'AWS::KMS::Key',
  'AWS::SecretsManager::Secret',
  'AWS::Logs::LogGroup',
];
/** Types that the CDK tags; a sample of each stack. */
const tagged = ['AWS::S3::Bucket', 'AWS::RDS::DBCluster', 'AWS::Lambda::Function', 'AWS::SQS::Queue', 'AWS::EC2::VPC'];
const plainOutputs = ['BucketName', 'ModelKeySecret', 'OperatorKeySecret', 'ApiUrl', 'GatewayUrl', 'DomainTarget'];

const accountNumber = /(?<![0-9a-f])\d{12}(?![0-9a-f])/;

const outputsOf = ({ data, service }: System): [string, Json][] =>
  [data, service].flatMap((template) => Object.entries<Json>(template.Outputs ?? {}));

export const secretAssertions: readonly Assertion[] = [
  every({
    area: 'secrets',
    name: 'secrets are generated and never written in a template',
    type: secretType,
    demand: ({ properties }) =>
      properties.SecretString === undefined && properties.GenerateSecretString?.PasswordLength >= 32,
    break: ({ properties }) => {
      properties.SecretString = 'hunter2';
    },
  }),
  {
    area: 'secrets',
    name: 'each login role has a secret of its own',
    check: (system) => {
      const found = resourcesOf(system, secretType).map(
        ({ properties }) => JSON.parse(properties.GenerateSecretString?.SecretStringTemplate ?? '{}').username,
      );
      return ['dbrag_app', 'dbrag_maintainer'].filter((name) => found.filter((one) => one === name).length !== 1);
    },
    spoil: (system) => {
      for (const { properties } of resourcesOf(system, secretType)) properties.GenerateSecretString = {};
    },
  },
  every({
    area: 'secrets',
    name: 'secrets outlive the stack',
    binds: ({ operations }) => operations.dataOnRemoval === 'keep',
    type: secretType,
    demand: ({ resource }) => resource.DeletionPolicy === 'Retain',
    break: ({ resource }) => {
      resource.DeletionPolicy = 'Delete';
    },
  }),
  {
    area: 'secrets',
    name: 'outputs name places and hold no secret',
    check: (system) =>
      outputsOf(system)
        .filter(([name]) => !name.startsWith('ExportsOutput'))
        .filter(
          ([name, { Value }]) =>
            JSON.stringify(Value).includes('resolve:') || !(plainOutputs.includes(name) || /arn|Endpoint/i.test(name)),
        )
        .map(([name]) => name),
    spoil: ({ data }) => {
      data.Outputs.Password = { Value: '{{resolve:secretsmanager:x:SecretString:password::}}' };
    },
  },
  {
    area: 'secrets',
    name: 'no parameter asks for a secret at deploy',
    check: ({ data, service }) =>
      [data, service].flatMap(({ Parameters }) =>
        Object.keys(Parameters ?? {}).filter((name) => !/^(BootstrapVersion|SsmParameterValue)/.test(name)),
      ),
    spoil: ({ service }) => {
      service.Parameters.ModelKey = { Type: 'String', NoEcho: true };
    },
  },
];

export const loggingAssertions: readonly Assertion[] = [
  every({
    area: 'logging',
    name: 'logs end after the stage’s time, 30 to 400 days',
    type: logGroupType,
    demand: ({ properties }, _system, { operations }) =>
      properties.RetentionInDays === operations.logRetentionDays &&
      properties.RetentionInDays >= 30 &&
      properties.RetentionInDays <= 400,
    break: ({ properties }) => {
      properties.RetentionInDays = undefined;
    },
  }),
  every({
    area: 'logging',
    name: 'every function logs to a group of this stack',
    type: 'AWS::Lambda::Function',
    demand: ({ properties }, system) =>
      resourcesOf(system.service, logGroupType).some(({ id }) => leadsTo(properties.LoggingConfig?.LogGroup, id)),
    break: ({ properties }) => {
      properties.LoggingConfig = undefined;
    },
  }),
  every({
    area: 'logging',
    name: 'functions log JSON',
    type: 'AWS::Lambda::Function',
    where: isOurFunction,
    demand: ({ properties }) => properties.LoggingConfig?.LogFormat === 'JSON',
    break: ({ properties }) => {
      properties.LoggingConfig.LogFormat = 'Text';
    },
  }),
  every({
    area: 'logging',
    name: 'work that was given up alarms',
    type: 'AWS::CloudWatch::Alarm',
    where: ({ id }) => /^WatchingAlarmsDeadLetters[0-9A-F]{8}$/.test(id),
    demand: ({ properties }, _system, { name }) =>
      properties.Namespace === `dbrag/${name}` &&
      properties.MetricName === 'RetriesExhausted' &&
      properties.Threshold === 0,
    break: ({ properties }) => {
      properties.MetricName = 'Other';
    },
  }),
];

export const hygieneAssertions: readonly Assertion[] = [
  every({
    area: 'stack hygiene',
    name: 'resources carry the stage’s tags',
    type: tagged,
    demand: ({ properties }, _system, stage) =>
      list(properties.Tags).some(({ Key, Value }) => Key === 'stage' && Value === stage.name),
    break: ({ properties }) => {
      properties.Tags = undefined;
    },
  }),
  every({
    area: 'stack hygiene',
    name: 'production destroys nothing that holds data',
    binds: ({ name }) => name === 'production',
    type: stateful,
    demand: ({ resource }) => ['Retain', 'Snapshot'].includes(resource.DeletionPolicy ?? 'Delete'),
    break: ({ resource }) => {
      resource.DeletionPolicy = 'Delete';
    },
  }),
  every({
    area: 'stack hygiene',
    name: 'a budget writes to whom alarms write, before the month’s dollars are spent',
    binds: ({ operations }) => operations.budget !== null && operations.alarmEmail !== null,
    type: 'AWS::Budgets::Budget',
    demand: ({ properties }, _system, { name, operations: { budget, alarmEmail } }) =>
      properties.Budget.BudgetLimit.Amount === budget?.monthlyDollars &&
      properties.Budget.CostFilters?.TagKeyValue?.[0] === (budget?.of === 'stage' ? `user:stage$${name}` : undefined) &&
      list(properties.NotificationsWithSubscribers).some(({ Notification }) => Notification.Threshold < 100) &&
      list(properties.NotificationsWithSubscribers).every(
        ({ Subscribers }) => list(Subscribers).length === 1 && Subscribers[0].Address === alarmEmail,
      ),
    break: ({ properties }) => {
      properties.NotificationsWithSubscribers[0].Subscribers = [];
    },
  }),
  every({
    area: 'stack hygiene',
    name: 'a permissions boundary bounds every role',
    binds: ({ operations }) => operations.permissionsBoundary !== null,
    type: 'AWS::IAM::Role',
    demand: ({ properties }, _system, { operations }) =>
      properties.PermissionsBoundary === operations.permissionsBoundary,
    break: ({ properties }) => {
      properties.PermissionsBoundary = undefined;
    },
  }),
  {
    area: 'stack hygiene',
    name: 'no account number is written down',
    // What is somebody's own is named by its account.
    binds: ({ operations, api }) => operations.permissionsBoundary === null && api.domain === null,
    check: ({ data, service }) =>
      [data, service].flatMap(({ Resources }) =>
        Object.entries(Resources)
          .filter(([, { Properties }]) => accountNumber.test(JSON.stringify(Properties ?? {})))
          .map(([id]) => id),
      ),
    spoil: ({ data }) => {
      data.Resources.Elsewhere = { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'arn:aws:sqs:::123456789012:x' } };
    },
  },
  {
    area: 'stack hygiene',
    name: 'what must survive is in the data stack, the rest in the other',
    check: ({ data, service }) => [
      ...resourcesOf(data, ['AWS::Lambda::Function', 'AWS::SQS::Queue', 'AWS::ApiGateway::RestApi']).map(
        ({ id }) => id,
      ),
      ...resourcesOf(service, stateful.slice(0, 4)).map(({ id }) => id),
    ],
    spoil: ({ service }) => {
      service.Resources.Bucket = { Type: 'AWS::S3::Bucket', Properties: {} };
    },
  },
  {
    area: 'stack hygiene',
    name: 'the CDK brings no handlers of its own but one',
    check: (system) =>
      resourcesOf(system, 'AWS::Lambda::Function')
        .filter((found) => !isOurFunction(found) && !found.id.startsWith('BucketNotificationsHandler'))
        .map(({ id }) => id),
    spoil: ({ service }) => {
      service.Resources.Extra = { Type: 'AWS::Lambda::Function', Properties: { Handler: 'index.handler' } };
    },
  },
];
