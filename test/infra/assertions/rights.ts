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
import { actionsOf, giveRight, handlersHolding, resourcesIn, type Statement, statementsOf } from './policies.ts';

/** AWS documents no resources for these. */
const resourceless =
  /^(ec2:(Create|Describe|Delete)NetworkInterface(s)?|ec2:DescribeSubnets|ec2:(Una|A)ssignPrivateIpAddresses|xray:Put.*|cloudwatch:DescribeAlarms)$/;
const objectActions = /^s3:(Get|Put|Delete)Object/;

/** Who alone may hold a right: an assertion, broken by giving it to the migration or, where that holds it, to the dead-letter function. */
function onlyFor(name: string, handlers: readonly string[], matches: (one: Statement) => boolean): Assertion {
  const wanted = [...handlers].sort();
  return {
    area: 'IAM',
    name,
    check: (system) => {
      const held = handlersHolding(system, matches);
      const same = held.length === wanted.length && held.every((handler, at) => handler === wanted[at]);
      return same ? [] : [`held by ${held.join(', ') || 'nobody'}`];
    },
    spoil: (system) => {
      const stranger = handlers.includes('deploy/migrate-database') ? 'queue/dead-letter' : 'deploy/migrate-database';
      const role = targetOf(functionNamed(system, stranger).properties.Role) ?? '';
      const held = statementsOf(system).find(matches);
      giveRight(system, role, { Action: held?.statement.Action, Resource: held?.statement.Resource });
    },
  };
}

const acts =
  (pattern: RegExp, resource: (value: Json) => boolean = () => true) =>
  (one: Statement): boolean =>
    actionsOf(one).some((action) => pattern.test(action)) && resourcesIn(one).some(resource);

const readsSecret = (prefix: string) => acts(/^secretsmanager:GetSecretValue$/, (value) => leadsTo(value, prefix));
const sendsTo = (prefix: RegExp) => acts(/^sqs:SendMessage$/, (value) => prefix.test(targetOf(value) ?? ''));
const objectsBelow = (prefix: string, pattern: RegExp) =>
  acts(pattern, (value) => JSON.stringify(value).includes(`/${prefix}/*`));

function spoilFirst(system: System, statement: Json): void {
  const role = targetOf(functionNamed(system, 'queue/dead-letter').properties.Role) ?? '';
  giveRight(system, role, statement);
}

export const rightsAssertions: readonly Assertion[] = [
  {
    area: 'IAM',
    name: 'every function has a role of its own',
    check: (system) => {
      const roles = resourcesOf(system, 'AWS::Lambda::Function').map(
        ({ properties }) => targetOf(properties.Role) ?? '',
      );
      return roles.filter((role, at) => roles.indexOf(role) !== at);
    },
    spoil: (system) => {
      functionNamed(system, 'queue/maintain').properties.Role = functionNamed(system, 'http/api').properties.Role;
    },
  },
  every({
    area: 'IAM',
    name: 'no role has a managed policy, but AWS Backup’s, which has AWS’s own',
    type: 'AWS::IAM::Role',
    where: ({ id }) => !id.startsWith('BackupCopiesRole'),
    demand: ({ properties }) => list(properties.ManagedPolicyArns).length === 0,
    break: ({ properties }) => {
      properties.ManagedPolicyArns = ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole'];
    },
  }),
  {
    area: 'IAM',
    name: 'no right to every action, nor to every action of a service',
    check: (system) =>
      statementsOf(system)
        .filter((one) => one.statement.NotAction || actionsOf(one).some((action) => action.includes('*')))
        .map(({ policy }) => policy),
    spoil: (system) => spoilFirst(system, { Action: 'sqs:*', Resource: 'arn:aws:sqs:::x' }),
  },
  {
    area: 'IAM',
    name: 'every resource only for actions that know no resources',
    check: (system) =>
      statementsOf(system)
        .filter((one) => resourcesIn(one).includes('*') && !actionsOf(one).every((action) => resourceless.test(action)))
        .map(({ policy }) => policy),
    spoil: (system) => spoilFirst(system, { Action: 'sqs:SendMessage', Resource: '*' }),
  },
  {
    area: 'IAM',
    name: 'objects are reached by prefix: uploads, content, roots',
    check: (system) =>
      statementsOf(system)
        .filter((one) => actionsOf(one).some((action) => objectActions.test(action)))
        .filter(
          (one) => !resourcesIn(one).every((value) => /"\/(uploads|content|roots)\/\*"/.test(JSON.stringify(value))),
        )
        .map(({ policy }) => policy),
    spoil: (system) =>
      spoilFirst(system, { Action: 's3:GetObject', Resource: { 'Fn::Join': ['', [{ Ref: 'Bucket' }, '/*']] } }),
  },
  {
    area: 'IAM',
    name: 'queues are named one by one',
    check: (system) =>
      statementsOf(system)
        .filter((one) => actionsOf(one).some((action) => action.startsWith('sqs:')))
        .filter((one) => !resourcesIn(one).every((value) => value['Fn::GetAtt']?.[1] === 'Arn'))
        .map(({ policy }) => policy),
    spoil: (system) => spoilFirst(system, { Action: 'sqs:SendMessage', Resource: 'arn:aws:sqs:eu-west-1:1:dbrag-*' }),
  },
  {
    area: 'IAM',
    name: 'nobody passes roles',
    check: (system) =>
      statementsOf(system)
        .filter((one) => actionsOf(one).some((action) => /^iam:/.test(action)))
        .map(({ policy }) => policy),
    spoil: (system) => spoilFirst(system, { Action: 'iam:PassRole', Resource: 'arn:aws:iam::1:role/x' }),
  },
  every({
    area: 'IAM',
    name: 'roles of functions and of the API are worn on behalf of this account only',
    type: 'AWS::IAM::Role',
    where: ({ properties }) => /lambda|apigateway/.test(JSON.stringify(properties.AssumeRolePolicyDocument)),
    demand: ({ properties }) =>
      list(properties.AssumeRolePolicyDocument.Statement).every(
        ({ Condition }) => Condition?.StringEquals?.['aws:SourceAccount']?.Ref === 'AWS::AccountId',
      ),
    break: ({ properties }) => {
      properties.AssumeRolePolicyDocument.Statement[0].Condition = undefined;
    },
  }),
  {
    area: 'IAM',
    name: 'no users, no groups, no access keys',
    check: (system) =>
      resourcesOf(system, ['AWS::IAM::User', 'AWS::IAM::Group', 'AWS::IAM::AccessKey']).map(({ id }) => id),
    spoil: ({ service }) => {
      service.Resources.Somebody = { Type: 'AWS::IAM::User', Properties: {} };
    },
  },
  onlyFor('only the migration reads the owner’s password', ['deploy/migrate-database'], readsSecret('DatabaseCluster')),
  onlyFor(
    'only maintenance and the migration read the maintainer’s password',
    ['queue/maintain', 'deploy/migrate-database'],
    readsSecret('CredentialsMaintainer'),
  ),
  onlyFor('only the API reads the operator’s key', ['http/api'], readsSecret('CredentialsOperatorKey')),
  onlyFor(
    'only who asks a model reads the model’s key',
    ['http/api', 'http/stream', 'queue/describe-table', 'queue/embed-chunks', 'queue/maintain'],
    readsSecret('CredentialsModelKey'),
  ),
  onlyFor('only maintenance deletes objects', ['queue/maintain'], acts(/^s3:DeleteObject/)),
  onlyFor('only the API writes and signs uploads', ['http/api'], objectsBelow('uploads', /^s3:PutObject$/)),
  onlyFor(
    'only the API, ingestion and maintenance read posted documents',
    ['http/api', 'queue/ingest-document', 'queue/maintain'],
    objectsBelow('content', /^s3:GetObject$/),
  ),
  onlyFor('only maintenance keeps audit roots', ['queue/maintain'], objectsBelow('roots', /^s3:PutObject$/)),
  onlyFor(
    'who looks for objects by key, and nobody else, may list the bucket: a missing key is told to no other',
    // The API counts what is left after an erasure.
    ['http/api', 'queue/ingest-document', 'queue/maintain', 'queue/register-upload'],
    acts(/^s3:ListBucket$/),
  ),
  onlyFor(
    'only these send to ingestion',
    // The dead-letter function sends again what nobody had really begun.
    ['http/api', 'queue/register-upload', 'queue/ingest-document', 'queue/maintain', 'queue/dead-letter'],
    sendsTo(/^Queuesingest/),
  ),
  onlyFor(
    'only these send to embedding',
    ['queue/ingest-document', 'queue/embed-chunks', 'queue/maintain', 'queue/dead-letter'],
    sendsTo(/^Queuesembed/),
  ),
  onlyFor(
    'only who registers uploads sends an event again',
    ['queue/register-upload', 'queue/dead-letter'],
    sendsTo(/^Queuesuploads/),
  ),
  onlyFor(
    'only who ends work tells of it, on the stage’s own bus',
    ['queue/dead-letter', 'queue/describe-table', 'queue/embed-chunks', 'queue/ingest-document', 'queue/maintain'],
    acts(/^events:PutEvents$/, (value) => leadsTo(value, 'EventsBus')),
  ),
  {
    area: 'IAM',
    name: 'only consumers receive, and nobody sends to a dead-letter queue',
    check: (system) => {
      const receivers = handlersHolding(system, acts(/^sqs:ReceiveMessage$/)).filter(
        (one) => !one.startsWith('queue/'),
      );
      const senders = handlersHolding(system, sendsTo(/^QueuesDeadLetters/));
      return [...receivers, ...senders];
    },
    spoil: (system) => {
      const role = targetOf(functionNamed(system, 'http/api').properties.Role) ?? '';
      giveRight(system, role, { Action: 'sqs:ReceiveMessage', Resource: { 'Fn::GetAtt': ['Queuesx', 'Arn'] } });
    },
  },
  every({
    area: 'IAM',
    name: 'API Gateway may invoke functions for this API only',
    type: 'AWS::Lambda::Permission',
    demand: ({ properties }) =>
      properties.SourceArn !== undefined && properties.Principal === 'apigateway.amazonaws.com',
    break: ({ properties }) => {
      properties.SourceArn = undefined;
    },
  }),
  every({
    area: 'IAM',
    name: 'functions write to their own log group only',
    type: 'AWS::Lambda::Function',
    where: isOurFunction,
    demand: ({ id, properties }, system) => {
      const role = targetOf(properties.Role) ?? '';
      const groups = statementsOf(system)
        .filter((one) => one.roles.includes(role) && actionsOf(one).includes('logs:PutLogEvents'))
        .flatMap(resourcesIn);
      return groups.length === 1 && leadsTo(groups[0], `${id.slice(0, -8)}Logs`);
    },
    break: ({ properties }, system) =>
      giveRight(system, targetOf(properties.Role) ?? '', {
        Action: 'logs:PutLogEvents',
        Resource: { 'Fn::GetAtt': ['Other', 'Arn'] },
      }),
  }),
];
