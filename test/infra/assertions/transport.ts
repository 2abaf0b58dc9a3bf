import {
  type Assertion,
  every,
  isOurFunction,
  type Json,
  list,
  resourcesOf,
  type System,
  targetOf,
} from './assertion.ts';

/** A statement that turns away everybody who comes without TLS. */
function deniesPlain(statement: Json): boolean {
  return statement.Effect === 'Deny' && statement.Condition?.Bool?.['aws:SecureTransport'] === 'false';
}

/** Ids of resources of a type that no policy protects from plain connections. */
function unprotected(system: System, type: string, policyType: string, field: string): string[] {
  const safe = new Set(
    resourcesOf(system, policyType)
      .filter(({ properties }) => list(properties.PolicyDocument.Statement).some(deniesPlain))
      .flatMap(({ properties }) => list(properties[field]).map(targetOf)),
  );
  return resourcesOf(system, type)
    .map(({ id }) => id)
    .filter((id) => !safe.has(id));
}

function allowPlain(system: System, policyType: string): void {
  const policy = resourcesOf(system, policyType)[0]?.properties.PolicyDocument;
  policy.Statement = policy.Statement.filter((statement: Json) => !deniesPlain(statement));
}

export const transportAssertions: readonly Assertion[] = [
  {
    area: 'TLS',
    name: 'every bucket turns plain connections away',
    check: (system) => unprotected(system, 'AWS::S3::Bucket', 'AWS::S3::BucketPolicy', 'Bucket'),
    spoil: (system) => allowPlain(system, 'AWS::S3::BucketPolicy'),
  },
  {
    area: 'TLS',
    name: 'every queue turns plain connections away',
    check: (system) => unprotected(system, 'AWS::SQS::Queue', 'AWS::SQS::QueuePolicy', 'Queues'),
    spoil: (system) => allowPlain(system, 'AWS::SQS::QueuePolicy'),
  },
  {
    area: 'TLS',
    name: 'every topic turns plain connections away',
    binds: ({ operations }) => operations.alarmEmail !== null,
    check: (system) => unprotected(system, 'AWS::SNS::Topic', 'AWS::SNS::TopicPolicy', 'Topics'),
    spoil: (system) => allowPlain(system, 'AWS::SNS::TopicPolicy'),
  },
  every({
    area: 'TLS',
    name: 'buckets demand TLS 1.2',
    type: 'AWS::S3::BucketPolicy',
    demand: ({ properties }) =>
      list(properties.PolicyDocument.Statement).some(
        ({ Effect, Condition }) => Effect === 'Deny' && Condition?.NumericLessThan?.['s3:TlsVersion'] === 1.2,
      ),
    break: ({ properties }) => {
      properties.PolicyDocument.Statement = properties.PolicyDocument.Statement.filter(
        ({ Condition }: Json) => !Condition?.NumericLessThan,
      );
    },
  }),
  every({
    area: 'TLS',
    name: 'Aurora refuses plain connections',
    type: 'AWS::RDS::DBClusterParameterGroup',
    demand: ({ properties }) => properties.Parameters['rds.force_ssl'] === '1',
    break: ({ properties }) => {
      properties.Parameters['rds.force_ssl'] = '0';
    },
  }),
  every({
    area: 'TLS',
    name: 'the connection proxy refuses plain connections',
    binds: ({ database }) => database.proxy,
    type: 'AWS::RDS::DBProxy',
    demand: ({ properties }) => properties.RequireTLS === true,
    break: ({ properties }) => {
      properties.RequireTLS = false;
    },
  }),
  every({
    area: 'TLS',
    name: 'the API accepts no older TLS than the stage says, under every name',
    type: ['AWS::ApiGateway::RestApi', 'AWS::ApiGateway::DomainName'],
    demand: ({ properties }, _system, { api }) =>
      properties.SecurityPolicy?.startsWith(`SecurityPolicy_TLS13_${api.tls.replace('.', '_')}_`) &&
      properties.EndpointAccessMode === 'BASIC',
    break: ({ properties }) => {
      properties.SecurityPolicy = 'TLS_1_0';
    },
  }),
  every({
    area: 'TLS',
    name: 'functions verify the database, but on loopback',
    type: 'AWS::Lambda::Function',
    // The one that connects to customers' databases knows not ours.
    where: (found) => isOurFunction(found) && found.properties.Environment.Variables.DATABASE_HOST !== undefined,
    demand: ({ properties }, _system, { network }) =>
      properties.Environment.Variables.DATABASE_TLS === (network.loopback ? 'off' : 'verify'),
    break: ({ properties }) => {
      properties.Environment.Variables.DATABASE_TLS = 'prefer';
    },
  }),
  every({
    area: 'TLS',
    name: 'functions reach the cache by TLS, but on loopback',
    type: 'AWS::Lambda::Function',
    where: ({ properties }) => properties.Environment?.Variables?.CACHE_URL !== undefined,
    demand: ({ properties }, _system, { network }) =>
      properties.Environment.Variables.CACHE_URL['Fn::Join'][1][0] ===
      (network.loopback ? 'redis://' : 'rediss+cluster://'),
    break: ({ properties }) => {
      properties.Environment.Variables.CACHE_URL['Fn::Join'][1][0] = 'http://';
    },
  }),
];
