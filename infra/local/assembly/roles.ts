import type { PolicyStatement } from '../iam/authorizer.ts';
import type { Resolved } from './intrinsics.ts';
import type { Role } from './model.ts';
import { elements, members, texts } from './property.ts';
import { attributeOf, noEndpoints, roleName } from './references.ts';
import type { Resource } from './resource.ts';
import { AssemblyError } from './template.ts';
import type { AssemblyWorld } from './world.ts';

const logs: PolicyStatement = {
  Effect: 'Allow',
  Action: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
  Resource: '*',
};

/** The rights of AWS's managed policies, as far as a stand-in checks them. */
const managedByAws: Readonly<Record<string, readonly PolicyStatement[]>> = {
  AWSLambdaBasicExecutionRole: [logs],
  AWSLambdaVPCAccessExecutionRole: [
    logs,
    {
      Effect: 'Allow',
      Action: ['ec2:CreateNetworkInterface', 'ec2:DescribeNetworkInterfaces', 'ec2:DeleteNetworkInterface'],
      Resource: '*',
    },
  ],
  AWSXRayDaemonWriteAccess: [
    { Effect: 'Allow', Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], Resource: '*' },
  ],
  AmazonAPIGatewayPushToCloudWatchLogs: [logs],
  AmazonSSMManagedInstanceCore: [],
};

/** Every role with the statements of all policies that are attached to it, in whatever way. */
export function readRoles(world: AssemblyWorld): readonly Role[] {
  const policies = world.resourcesOf('AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy');
  return world.resourcesOf('AWS::IAM::Role').map((resource) => {
    const name = roleName(resource);
    const attached = policies.filter((policy) => texts(policy.properties.Roles).includes(name));
    return {
      stack: resource.stack.name,
      logicalId: resource.logicalId,
      name,
      arn: String(attributeOf(resource, 'Arn', noEndpoints)),
      statements: [
        ...elements(resource.properties.Policies).flatMap((policy) => statements(members(policy).PolicyDocument)),
        ...texts(resource.properties.ManagedPolicyArns).flatMap((arn) => managedStatements(arn, resource, policies)),
        ...attached.flatMap((policy) => statements(policy.properties.PolicyDocument)),
      ],
    };
  });
}

function managedStatements(arn: string, role: Resource, policies: readonly Resource[]): readonly PolicyStatement[] {
  const own = policies.find(
    (policy) => policy.type === 'AWS::IAM::ManagedPolicy' && attributeOf(policy, 'Ref', noEndpoints) === arn,
  );
  if (own) return statements(own.properties.PolicyDocument);
  const known = managedByAws[arn.slice(arn.lastIndexOf('/') + 1)];
  if (known) return known;
  throw new AssemblyError(role.stack.name, role.logicalId, `the managed policy ${arn} is not known`);
}

function statements(document: Resolved | undefined): readonly PolicyStatement[] {
  return elements(members(document).Statement).map((statement) => {
    const { Condition, ...rest } = members(statement);
    const plain = rest as unknown as PolicyStatement;
    return Condition === undefined ? plain : { ...plain, Condition: conditionTexts(Condition) };
  });
}

/** Operator → key → value(s), every value as text, as IAM compares them. */
function conditionTexts(condition: Resolved): NonNullable<PolicyStatement['Condition']> {
  return Object.fromEntries(
    Object.entries(members(condition)).map(([operator, keys]) => [
      operator,
      Object.fromEntries(
        Object.entries(members(keys)).map(([key, value]) => [key, Array.isArray(value) ? texts(value) : String(value)]),
      ),
    ]),
  );
}
