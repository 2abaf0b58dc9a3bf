import { describe, expect, it } from 'vitest';
import { assemble } from '../../../infra/local/assembly/read-assembly.ts';
import { noEndpoints } from '../../../infra/local/assembly/references.ts';
import type { Template, TemplateResource } from '../../../infra/local/assembly/template.ts';

const read = (resources: Readonly<Record<string, TemplateResource>>, rest: Omit<Template, 'Resources'> = {}) =>
  assemble([{ name: 'app', template: { Resources: resources, ...rest }, assets: new Map([['abc', '/assets/abc']]) }], {
    ...noEndpoints,
    database: { host: '10.1.1.1', port: 5499 },
    queueUrl: (name) => `http://queues/${name}`,
  });

const role: TemplateResource = { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: {} } };
const worker = (environment: Record<string, never | object | string> = {}): TemplateResource => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: 'assets', S3Key: 'abc.zip' },
    Handler: 'queue/worker.handler',
    Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
    MemorySize: 512,
    Timeout: 60,
    Environment: { Variables: environment as never },
  },
});

describe('the reader of the assembly', () => {
  it('gives a function its code, its role and an environment with the addresses of this machine', () => {
    const { functions } = read({
      Role: role,
      Worker: worker({
        QUEUE: { Ref: 'Queue' },
        HOST: { 'Fn::GetAtt': ['Database', 'Endpoint.Address'] },
        PORT: { 'Fn::GetAtt': ['Database', 'Endpoint.Port'] },
        LEFT_OUT: { Ref: 'AWS::NoValue' },
      }),
      Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'work' } },
      Database: {
        Type: 'AWS::RDS::DBCluster',
        Properties: { DatabaseName: 'dbrag', MasterUsername: 'owner', ManageMasterUserPassword: true },
      },
    });
    expect(functions).toEqual([
      expect.objectContaining({
        name: 'app-Worker',
        arn: 'arn:aws:lambda:us-east-1:000000000000:function:app-Worker',
        handler: 'queue/worker.handler',
        codeDirectory: '/assets/abc',
        environment: { QUEUE: 'http://queues/work', HOST: '10.1.1.1', PORT: '5499' },
        memoryMegabytes: 512,
        timeoutSeconds: 60,
        reservedConcurrency: null,
        roleArn: 'arn:aws:iam::000000000000:role/app-Role',
      }),
    ]);
  });

  it('merges inline, attached, customer-managed and AWS-managed policies of a role', () => {
    const statement = (Action: string, rest = {}) => ({ Effect: 'Allow', Action, Resource: '*', ...rest });
    const { roles } = read({
      Role: {
        Type: 'AWS::IAM::Role',
        Properties: {
          ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole', { Ref: 'Managed' }],
          Policies: [{ PolicyName: 'inline', PolicyDocument: { Statement: [statement('s3:GetObject')] } }],
        },
      },
      Attached: {
        Type: 'AWS::IAM::Policy',
        Properties: {
          PolicyName: 'attached',
          Roles: [{ Ref: 'Role' }],
          PolicyDocument: { Statement: statement('sqs:SendMessage', { Condition: { Bool: { 'a:b': true } } }) },
        },
      },
      Managed: {
        Type: 'AWS::IAM::ManagedPolicy',
        Properties: { PolicyDocument: { Statement: [statement('kms:Decrypt')] } },
      },
      Stranger: {
        Type: 'AWS::IAM::Policy',
        Properties: {
          PolicyName: 'x',
          Roles: ['other'],
          PolicyDocument: { Statement: [statement('s3:DeleteObject')] },
        },
      },
    });
    const actions = roles[0]?.statements.flatMap(({ Action }) => Action ?? []);
    expect(actions).toEqual(
      expect.arrayContaining(['s3:GetObject', 'logs:PutLogEvents', 'kms:Decrypt', 'sqs:SendMessage']),
    );
    expect(actions).not.toContain('s3:DeleteObject');
    expect(roles[0]?.statements.at(-1)?.Condition).toEqual({ Bool: { 'a:b': 'true' } });
  });

  it('reads queues with their dead letters and mappings, buckets with their notifications', () => {
    const { queues, eventSourceMappings, buckets } = read({
      Dead: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'dead' } },
      Queue: {
        Type: 'AWS::SQS::Queue',
        Properties: {
          QueueName: 'work',
          VisibilityTimeout: 360,
          RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] }, maxReceiveCount: 5 },
          KmsMasterKeyId: { 'Fn::GetAtt': ['Key', 'Arn'] },
        },
      },
      Key: { Type: 'AWS::KMS::Key' },
      Role: role,
      Worker: worker(),
      Mapping: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: {
          EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
          FunctionName: { 'Fn::GetAtt': ['Worker', 'Arn'] },
          BatchSize: 1,
          FunctionResponseTypes: ['ReportBatchItemFailures'],
          ScalingConfig: { MaximumConcurrency: 4 },
        },
      },
      Bucket: { Type: 'AWS::S3::Bucket', Properties: { VersioningConfiguration: { Status: 'Enabled' } } },
      Notifications: {
        Type: 'Custom::S3BucketNotifications',
        Properties: {
          ServiceToken: { 'Fn::GetAtt': ['Notifier', 'Arn'] },
          BucketName: { Ref: 'Bucket' },
          NotificationConfiguration: {
            QueueConfigurations: [
              {
                Events: ['s3:ObjectCreated:*'],
                QueueArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
                Filter: { Key: { FilterRules: [{ Name: 'prefix', Value: 'uploads/' }] } },
              },
            ],
          },
        },
      },
      Notifier: {
        Type: 'AWS::Lambda::Function',
        Properties: { Code: { ZipFile: 'pass' }, Handler: 'index.handler', Role: { 'Fn::GetAtt': ['Role', 'Arn'] } },
      },
    });
    expect(queues[1]).toMatchObject({
      name: 'work',
      url: 'http://queues/work',
      visibilityTimeoutSeconds: 360,
      redrive: { deadLetterArn: 'arn:aws:sqs:us-east-1:000000000000:dead', maximumReceives: 5 },
      keyArn: expect.stringMatching(/^arn:aws:kms:us-east-1:000000000000:key\/[0-9a-f-]{36}$/),
    });
    expect(eventSourceMappings).toEqual([
      {
        logicalId: 'Mapping',
        functionName: 'app-Worker',
        queueArn: 'arn:aws:sqs:us-east-1:000000000000:work',
        batchSize: 1,
        batchingWindowSeconds: 0,
        maximumConcurrency: 4,
        reportBatchItemFailures: true,
        enabled: true,
      },
    ]);
    expect(buckets[0]).toMatchObject({
      name: 'app-bucket',
      versioned: true,
      notifications: [
        {
          queueArn: 'arn:aws:sqs:us-east-1:000000000000:work',
          events: ['s3:ObjectCreated:*'],
          prefix: 'uploads/',
          suffix: '',
        },
      ],
    });
  });

  it('gives the owner of a cluster the secret that RDS would make', () => {
    const { databases, secrets } = read({
      Database: {
        Type: 'AWS::RDS::DBCluster',
        Properties: { DatabaseName: 'dbrag', MasterUsername: 'owner', ManageMasterUserPassword: true },
      },
    });
    expect(databases).toEqual([{ logicalId: 'Database', name: 'dbrag', ownerSecretArn: secrets[0]?.arn }]);
    expect(secrets[0]?.generate).toMatchObject({ SecretStringTemplate: '{"username":"owner"}' });
  });

  it('leaves out resources whose condition does not hold, and puts custom resources after what they need', () => {
    const custom = (dependsOn: readonly string[]): TemplateResource => ({
      Type: 'Custom::Step',
      DependsOn: dependsOn,
      Properties: { ServiceToken: { 'Fn::GetAtt': ['Worker', 'Arn'] } },
    });
    const { customResources } = read(
      {
        Role: role,
        Worker: worker(),
        Second: custom(['First']),
        First: custom([]),
        Never: { ...custom([]), Condition: 'Far' },
      },
      { Conditions: { Far: { 'Fn::Equals': ['a', 'b'] } } },
    );
    expect(customResources.map(({ logicalId }) => logicalId)).toEqual(['First', 'Second']);
  });

  it.each<[string, Record<string, TemplateResource>, RegExp]>([
    [
      'a resource type',
      { Odd: { Type: 'AWS::Moon::Base' } },
      /^app\/Odd: the resource type AWS::Moon::Base is not known/,
    ],
    [
      'an attribute',
      { Role: role, Queue: { Type: 'AWS::SQS::Queue' }, Worker: worker({ X: { 'Fn::GetAtt': ['Queue', 'Colour'] } }) },
      /^app\/Queue: Colour of AWS::SQS::Queue/,
    ],
    ['a reference', { Role: role, Worker: worker({ X: { Ref: 'Nobody' } }) }, /^app\/Worker: refers to Nobody/],
    [
      'an export',
      { Role: role, Worker: worker({ X: { 'Fn::ImportValue': 'x' } }) },
      /^app\/Worker: no stack exports x/,
    ],
    [
      'a secret in the environment',
      { Role: role, Worker: worker({ X: '{{resolve:secretsmanager:a}}' }) },
      /^app\/Worker: the variable X has no plain value/,
    ],
    [
      'a managed policy',
      { Role: { Type: 'AWS::IAM::Role', Properties: { ManagedPolicyArns: ['arn:aws:iam::aws:policy/Everything'] } } },
      /^app\/Role: the managed policy arn:aws:iam::aws:policy\/Everything is not known/,
    ],
  ])('stops at %s that has no local meaning, naming the resource', (_, resources, message) => {
    expect(() => read(resources)).toThrow(message);
  });
});
