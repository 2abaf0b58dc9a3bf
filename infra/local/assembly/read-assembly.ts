import { readCustomResources } from './custom-resources.ts';
import { readEventSourceMappings, readFunctions } from './functions.ts';
import type { Assembly } from './model.ts';
import { type Endpoints, noEndpoints } from './references.ts';
import { isCustomResource, typesWithLocalMeaning, typesWithoutLocalMeaning } from './resource-types.ts';
import { readRestApis } from './rest-api.ts';
import { readRoles } from './roles.ts';
import { readSchedules } from './schedules.ts';
import { readBuckets, readCaches, readDatabases, readKeys, readQueues, readSecrets } from './storage.ts';
import { AssemblyError, readTemplates, type TemplateStack } from './template.ts';
import { AssemblyWorld } from './world.ts';

/**
 * Reads a synthesised cloud assembly. Reading is a matter of milliseconds: read once without `endpoints` to learn which
 * servers are needed, and again with the addresses at which they listen.
 * Throws `AssemblyError`, naming stack and logical id, for a resource type, attribute or intrinsic without a local meaning.
 */
export function readAssembly(directory: string, endpoints: Endpoints = noEndpoints): Assembly {
  return assemble(readTemplates(directory), endpoints);
}

/** The same for stacks that are already in memory. */
export function assemble(stacks: readonly TemplateStack[], endpoints: Endpoints = noEndpoints): Assembly {
  const world = new AssemblyWorld(stacks, endpoints);
  for (const { stack, logicalId, type } of world.resources) {
    if (typesWithLocalMeaning.has(type) || typesWithoutLocalMeaning.has(type) || isCustomResource(type)) continue;
    throw new AssemblyError(stack.name, logicalId, `the resource type ${type} is not known`);
  }
  // Reading the properties of what means nothing here still finds intrinsics that nobody could resolve.
  for (const resource of world.resources) void resource.properties;
  return {
    functions: readFunctions(world),
    roles: readRoles(world),
    queues: readQueues(world, endpoints),
    eventSourceMappings: readEventSourceMappings(world),
    buckets: readBuckets(world),
    secrets: readSecrets(world),
    keys: readKeys(world),
    restApis: readRestApis(world),
    schedules: readSchedules(world),
    customResources: readCustomResources(world),
    databases: readDatabases(world),
    caches: readCaches(world),
    outputs: world.outputs().map(({ stack, name, value }) => ({ stack, name, value: String(value) })),
  };
}
