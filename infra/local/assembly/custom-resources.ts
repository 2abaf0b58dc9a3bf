import { functionNameOfArn } from './functions.ts';
import type { CustomResource } from './model.ts';
import { textProperty } from './property.ts';
import type { Resource } from './resource.ts';
import { customTypesWithoutLocalMeaning, isCustomResource, notificationsType } from './resource-types.ts';
import type { AssemblyWorld } from './world.ts';

/** Custom resources whose function does work of ours (the migration), each after those that it depends on. */
export function readCustomResources(world: AssemblyWorld): readonly CustomResource[] {
  const resources = world.resources.filter(
    ({ type }) => isCustomResource(type) && type !== notificationsType && !customTypesWithoutLocalMeaning.has(type),
  );
  return inOrderOfDependence(resources).map((resource) => ({
    stack: resource.stack.name,
    logicalId: resource.logicalId,
    type: resource.type,
    functionName: functionNameOfArn(textProperty(resource, 'ServiceToken')),
    properties: resource.properties,
  }));
}

function inOrderOfDependence(resources: readonly Resource[]): readonly Resource[] {
  const ordered = new Set<Resource>();
  const add = (resource: Resource, path: readonly Resource[]): void => {
    if (ordered.has(resource) || path.includes(resource)) return;
    const needed = resources.filter(
      (other) => other.stack === resource.stack && resource.dependsOn.includes(other.logicalId),
    );
    for (const other of needed) add(other, [...path, resource]);
    ordered.add(resource);
  };
  for (const resource of resources) add(resource, []);
  return [...ordered];
}
