import type { Resolved } from './intrinsics.ts';
import type { Properties, Resource } from './resource.ts';
import { AssemblyError } from './template.ts';

const wrong = (resource: Resource, property: string, expected: string): AssemblyError =>
  new AssemblyError(resource.stack.name, resource.logicalId, `${property} should be ${expected}`);

export function textProperty(resource: Resource, property: string): string {
  const value = resource.properties[property];
  if (typeof value === 'string') return value;
  throw wrong(resource, property, 'text');
}

export function optionalText(value: Resolved | undefined): string | null {
  return value === undefined || value === null ? null : String(value);
}

/** A number, also where the template writes it as text; `fallback` where it is left out. */
export function numberProperty(resource: Resource, property: string, fallback: number): number {
  const value = resource.properties[property];
  if (value === undefined) return fallback;
  const number = Number(value);
  if (Number.isFinite(number)) return number;
  throw wrong(resource, property, 'a number');
}

export function booleanProperty(resource: Resource, property: string, fallback: boolean): boolean {
  const value = resource.properties[property];
  return value === undefined ? fallback : String(value) === 'true';
}

/** The members of an object, `{}` where it is left out. */
export function members(value: Resolved | undefined): Properties {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Properties) : {};
}

/** The elements of a list; one value stands for a list of one, nothing for the empty list. */
export function elements(value: Resolved | undefined): readonly Resolved[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly Resolved[]) : [value];
}

export function texts(value: Resolved | undefined): readonly string[] {
  return elements(value).map(String);
}
