import {
  type Assertion,
  functionIdOf,
  functionNamed,
  type Json,
  leadsTo,
  list,
  resourceNamed,
  resourcesOf,
  type System,
  targetOf,
} from './assertion.ts';
import { actionsOf, giveRight, handlersHolding, resourcesIn, type Statement, statementsOf } from './policies.ts';

const handler = 'invoke/query-database';
const groupType = 'AWS::EC2::SecurityGroup';
const egressType = 'AWS::EC2::SecurityGroupEgress';
const groupPrefix = 'FunctionsQueryDatabaseSecurityGroup';

const askers = ['http/api', 'http/stream'];
const statementSettingsOf = (system: System, name: string): Json =>
  functionNamed(system, name).properties.Environment.Variables;

const isConnectionSecret = (value: Json) =>
  /:secret:dbrag\/[\w-]+\/connections\/\?{32}\/\?{32}/.test(JSON.stringify(value));
/** What every function may: be in the network, and be traced. */
const baseline = /^(ec2:\w*NetworkInterfaces?|ec2:DescribeSubnets|ec2:\w*PrivateIpAddresses|xray:Put\w+)$/;

function roleOf(system: System, name: string): string {
  return targetOf(functionNamed(system, name).properties.Role) ?? '';
}

/** Whether the function that connects may hold this. */
function isItsOwn({ statement }: Statement): boolean {
  const actions = list(statement.Action);
  const resources = list(statement.Resource);
  if (actions.every((action) => baseline.test(action))) return true;
  if (actions.every((action) => /^logs:(CreateLogStream|PutLogEvents)$/.test(action)))
    return resources.every((value) => leadsTo(value, 'FunctionsQueryDatabaseLogs'));
  if (actions.join() === 'secretsmanager:GetSecretValue') return resources.every(isConnectionSecret);
  if (actions.join() === 'rds-db:connect') return resources.every((value) => /:dbuser:.*\/ws_\w+$/.test(value));
  return (
    actions.join() === 'kms:Decrypt' &&
    list(statement.Condition?.StringLike?.['kms:EncryptionContext:SecretARN']).some(isConnectionSecret) &&
    statement.Condition?.StringEquals?.['kms:ViaService'] !== undefined
  );
}

function egressOf(system: System): Json[] {
  const inline = list(resourceNamed(system, groupType, groupPrefix).properties.SecurityGroupEgress);
  const apart = resourcesOf(system, egressType)
    .filter(({ properties }) => leadsTo(properties.GroupId, groupPrefix))
    .map(({ properties }) => properties);
  return [...inline, ...apart];
}

/** Who alone may hold a right over passwords of connections; broken by giving it to the dead-letter function. */
function passwordsOnlyFor(action: string, handlers: readonly string[]): Assertion {
  const matches = (one: Statement) =>
    actionsOf(one).includes(`secretsmanager:${action}`) && resourcesIn(one).some(isConnectionSecret);
  return {
    area: 'secrets',
    name: `passwords of connections: ${action} only for ${handlers.join(' and ')}`,
    check: (system) => {
      const held = handlersHolding(system, matches);
      return held.join() === [...handlers].sort().join() ? [] : [`held by ${held.join(', ') || 'nobody'}`];
    },
    spoil: (system) => {
      const held = statementsOf(system).find(matches);
      giveRight(system, roleOf(system, 'queue/dead-letter'), {
        Action: held?.statement.Action,
        Resource: held?.statement.Resource,
      });
    },
  };
}

export const connectionAssertions: readonly Assertion[] = [
  {
    area: 'IAM',
    name: 'the function that connects to customers’ databases may open their passwords, log, and nothing else',
    check: (system) =>
      statementsOf(system)
        .filter(({ roles }) => roles.includes(roleOf(system, handler)))
        .filter((one) => !isItsOwn(one))
        .map((one) => `${one.policy}: ${actionsOf(one).join(', ')}`),
    spoil: (system) => giveRight(system, roleOf(system, handler), { Action: 'sqs:SendMessage', Resource: 'arn:x' }),
  },
  {
    area: 'network',
    name: 'the function that connects reaches the allowed networks, public databases and Secrets Manager only',
    check: (system, { connections, network }) => {
      const wanted = [
        ...connections.allowedNetworks.map((range) => `${range} 0-65535`),
        ...connections.publicConnectionPorts.map((port) => `0.0.0.0/0 ${port}-${port}`),
        network.interfaceEndpoints ? 'secrets 443-443' : '0.0.0.0/0 443-443',
      ];
      const found = egressOf(system).map(({ CidrIp, DestinationSecurityGroupId: group, FromPort, ToPort }) => {
        const where = CidrIp ?? (JSON.stringify(group).includes('SecretsEndpointSecurityGroup') ? 'secrets' : '?');
        return `${where} ${FromPort}-${ToPort}`;
      });
      return found.sort().join() === wanted.sort().join() ? [] : [found.join('; ')];
    },
    spoil: (system) => {
      resourceNamed(system, groupType, groupPrefix).properties.SecurityGroupEgress.push({
        CidrIp: '10.0.0.0/8',
        IpProtocol: 'tcp',
        FromPort: 0,
        ToPort: 65_535,
      });
    },
  },
  {
    area: 'network',
    name: 'neither database nor cache nor endpoint, but that of secrets, admits the function that connects',
    check: (system) =>
      resourcesOf(system, ['AWS::EC2::SecurityGroupIngress'])
        .filter(({ properties }) => leadsTo(properties.SourceSecurityGroupId, groupPrefix))
        .filter(({ properties }) => !JSON.stringify(properties.GroupId).includes('SecretsEndpointSecurityGroup'))
        .map(({ id }) => id),
    spoil: ({ service }) => {
      service.Resources.Opened = {
        Type: 'AWS::EC2::SecurityGroupIngress',
        Properties: {
          GroupId: { 'Fn::ImportValue': 'x:ExportsOutputFnGetAttDatabaseSecurityGroupGroupId' },
          SourceSecurityGroupId: { 'Fn::GetAtt': [`${groupPrefix}12345678`, 'GroupId'] },
        },
      };
    },
  },
  {
    area: 'Lambda',
    name: 'who has statements run is told what one may take',
    check: (system, { connections }) => {
      const wanted = JSON.stringify(connections.statements);
      return askers.filter((name) => statementSettingsOf(system, name).STATEMENT_SETTINGS !== wanted);
    },
    spoil: (system) => {
      statementSettingsOf(system, 'http/stream').STATEMENT_SETTINGS = undefined;
    },
  },
  {
    area: 'Lambda',
    name: 'the function that connects is told of no database, cache, queue or bucket of ours',
    check: (system) =>
      Object.keys(functionNamed(system, handler).properties.Environment.Variables).filter((name) =>
        /^(DATABASE_|CACHE_|QUEUE_|BUCKET|AUDIT_|EVENT_BUS|MODEL_SECRET|OPERATOR_)/.test(name),
      ),
    spoil: (system) => {
      functionNamed(system, handler).properties.Environment.Variables.DATABASE_HOST = 'host';
    },
  },
  {
    area: 'IAM',
    name: 'only who answers, describes or lists asks the function that connects, and nobody invokes another',
    check: (system) => {
      const invokes = (one: Statement) => actionsOf(one).includes('lambda:InvokeFunction');
      const asked = functionNamed(system, handler).id;
      const ours = statementsOf(system).filter(
        (one) => invokes(one) && resourcesIn(one).every((value) => functionIdOf(value, system) === asked),
      );
      const handlers = handlersHolding(system, (one) => ours.some(({ statement }) => statement === one.statement));
      const wanted = ['http/api', 'http/stream', 'queue/describe-table', 'queue/maintain'];
      return handlers.join() === wanted.join() ? [] : [`held by ${handlers.join(', ') || 'nobody'}`];
    },
    spoil: (system) => {
      const { id } = functionNamed(system, handler);
      giveRight(system, roleOf(system, 'queue/dead-letter'), {
        Action: 'lambda:InvokeFunction',
        Resource: { 'Fn::GetAtt': [id, 'Arn'] },
      });
    },
  },
  passwordsOnlyFor('GetSecretValue', ['invoke/query-database']),
  passwordsOnlyFor('CreateSecret', ['http/api']),
  passwordsOnlyFor('DeleteSecret', ['http/api', 'queue/maintain']),
];
