import type { EventSourceMapping, LambdaFunction } from './model.ts';
import { booleanProperty, elements, members, numberProperty, textProperty, texts } from './property.ts';
import { attributeOf, functionName, noEndpoints } from './references.ts';
import type { Resource } from './resource.ts';
import { customTypesWithoutLocalMeaning, notificationsType } from './resource-types.ts';
import { AssemblyError } from './template.ts';
import type { AssemblyWorld } from './world.ts';

/** Lambda's own defaults, where the template says nothing. */
const defaultMemoryMegabytes = 128;
const defaultTimeoutSeconds = 3;

/** The functions, without those of the CDK whose only work is done by the local cloud itself (bucket notifications). */
export function readFunctions(world: AssemblyWorld): readonly LambdaFunction[] {
  const ownWork = (resource: Resource): boolean => !servesReplacedResource(world, functionName(resource));
  return world
    .resourcesOf('AWS::Lambda::Function')
    .filter(ownWork)
    .map((resource) => ({
      stack: resource.stack.name,
      logicalId: resource.logicalId,
      name: functionName(resource),
      arn: String(attributeOf(resource, 'Arn', noEndpoints)),
      handler: textProperty(resource, 'Handler'),
      codeDirectory: codeDirectory(resource),
      environment: environment(resource),
      memoryMegabytes: numberProperty(resource, 'MemorySize', defaultMemoryMegabytes),
      timeoutSeconds: numberProperty(resource, 'Timeout', defaultTimeoutSeconds),
      reservedConcurrency:
        resource.properties.ReservedConcurrentExecutions === undefined
          ? null
          : numberProperty(resource, 'ReservedConcurrentExecutions', 0),
      roleArn: textProperty(resource, 'Role'),
    }));
}

function servesReplacedResource(world: AssemblyWorld, name: string): boolean {
  return world
    .resourcesOf(notificationsType, ...customTypesWithoutLocalMeaning)
    .some((resource) => functionNameOfArn(textProperty(resource, 'ServiceToken')) === name);
}

export function readEventSourceMappings(world: AssemblyWorld): readonly EventSourceMapping[] {
  return world.resourcesOf('AWS::Lambda::EventSourceMapping').map((resource) => {
    const maximum = members(resource.properties.ScalingConfig).MaximumConcurrency;
    return {
      logicalId: resource.logicalId,
      functionName: functionNameOfArn(textProperty(resource, 'FunctionName')),
      queueArn: textProperty(resource, 'EventSourceArn'),
      batchSize: numberProperty(resource, 'BatchSize', 10),
      batchingWindowSeconds: numberProperty(resource, 'MaximumBatchingWindowInSeconds', 0),
      maximumConcurrency: maximum === undefined ? null : Number(maximum),
      reportBatchItemFailures: texts(resource.properties.FunctionResponseTypes).includes('ReportBatchItemFailures'),
      enabled: booleanProperty(resource, 'Enabled', true),
    };
  });
}

/** The name in a function's ARN, in a qualified ARN, or the name itself. */
export function functionNameOfArn(text: string): string {
  return /:function:([^:/]+)/.exec(text)?.[1] ?? text;
}

/** The template names an asset by its hash, the stack's asset manifest says where it lies. */
function codeDirectory(resource: Resource): string {
  const key = members(resource.properties.Code).S3Key;
  const directory = typeof key === 'string' ? resource.stack.assets.get(key.replace(/\.zip$/, '')) : undefined;
  if (directory !== undefined) return directory;
  throw new AssemblyError(resource.stack.name, resource.logicalId, 'its code is not an asset of the assembly');
}

function environment(resource: Resource): Readonly<Record<string, string>> {
  const variables = Object.entries(members(members(resource.properties.Environment).Variables));
  for (const [name, value] of variables) {
    if (elements(value).length !== 1 || String(value).includes('{{resolve:')) {
      throw new AssemblyError(resource.stack.name, resource.logicalId, `the variable ${name} has no plain value`);
    }
  }
  return Object.fromEntries(variables.map(([name, value]) => [name, String(value)]));
}
