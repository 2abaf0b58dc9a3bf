import type { StageSettings } from '../../../infra/stage-settings.ts';

/** A value of a template: anything that JSON holds. */
// biome-ignore lint/suspicious/noExplicitAny: templates are walked by path, and a missing path is a violation and no error.
export type Json = any;

export interface Resource {
  readonly Type: string;
  Properties: Json;
  DependsOn?: string[];
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
}

export interface Template {
  readonly Resources: Record<string, Resource>;
  readonly Outputs?: Json;
  readonly Parameters?: Json;
}

/** The two templates of one stage, as they would be deployed. */
export interface System {
  readonly data: Template;
  readonly service: Template;
}

export type Area =
  | 'network'
  | 'TLS'
  | 'encryption'
  | 'IAM'
  | 'Lambda'
  | 'queues'
  | 'S3'
  | 'Aurora'
  | 'backups'
  | 'cache'
  | 'API edge'
  | 'secrets'
  | 'logging'
  | 'watching'
  | 'stack hygiene';

/** Something that must hold of a stage's templates. */
export interface Assertion {
  readonly area: Area;
  readonly name: string;
  /** The stages that it binds; all, if it does not say. */
  readonly binds?: (stage: StageSettings) => boolean;
  /** One line for each violation; empty when it holds. */
  readonly check: (system: System, stage: StageSettings) => string[];
  /** Breaks what the assertion protects, on a copy: `check` must then complain. */
  readonly spoil: (system: System, stage: StageSettings) => void;
}

export interface Found {
  readonly id: string;
  readonly resource: Resource;
  readonly properties: Json;
}

/** The resources of a type in both templates, or in one. */
export function resourcesOf(templates: System | Template, type: string | readonly string[]): Found[] {
  const types = [type].flat();
  const all = 'Resources' in templates ? [templates] : [templates.data, templates.service];
  return all.flatMap(({ Resources }) =>
    Object.entries(Resources)
      .filter(([, { Type }]) => types.includes(Type))
      .map(([id, resource]) => ({ id, resource, properties: resource.Properties ?? {} })),
  );
}

/** The first resource of a type whose id starts with a prefix; it must exist. */
export function resourceNamed(system: System, type: string, prefix: string): Found {
  const found = resourcesOf(system, type).find(({ id }) => id.startsWith(prefix));
  if (!found) throw new Error(`There is no ${type} whose id starts with ${prefix}.`);
  return found;
}

export interface EveryResource extends Pick<Assertion, 'area' | 'name' | 'binds'> {
  readonly type: string | readonly string[];
  /** Which resources of the type; all, if it does not say. */
  readonly where?: (found: Found, system: System, stage: StageSettings) => boolean;
  readonly demand: (found: Found, system: System, stage: StageSettings) => boolean;
  readonly break: (found: Found, system: System) => void;
}

/** An assertion about each resource of a type. That there is none is a violation: it would hold of nothing. */
export function every({ type, where = () => true, demand, break: breakOne, ...about }: EveryResource): Assertion {
  const selected = (system: System, stage: StageSettings) =>
    resourcesOf(system, type).filter((found) => where(found, system, stage));
  return {
    ...about,
    check(system, stage) {
      const found = selected(system, stage);
      if (found.length === 0) return [`There is no ${[type].flat().join(' or ')} to check.`];
      return found.filter((one) => !demand(one, system, stage)).map(({ id }) => id);
    },
    spoil(system, stage) {
      const first = selected(system, stage)[0];
      if (first) breakOne(first, system);
    },
  };
}

/** The id that a `Ref`, a `GetAtt` or an import of the other stack's export leads to. */
export function targetOf(value: Json): string | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  if (typeof value.Ref === 'string') return value.Ref;
  if (Array.isArray(value['Fn::GetAtt'])) return value['Fn::GetAtt'][0];
  const imported = value['Fn::ImportValue'];
  // "dbrag-small-data:ExportsOutputFnGetAtt<logical id><attribute><hash>" or "…OutputRef<logical id><hash>"
  return typeof imported === 'string' ? imported.replace(/^.*ExportsOutput(FnGetAtt|Ref)/, '') : undefined;
}

/** Whether a value leads to a resource: an import's text goes on after the id. */
export function leadsTo(value: Json, id: string): boolean {
  return targetOf(value)?.startsWith(id) ?? false;
}

/** The id of the function that a name, an ARN or an integration leads to: by itself, or by an alias of it. */
export function functionIdOf(value: Json, system: System): string | undefined {
  const text = JSON.stringify(value) ?? '';
  const isNamed = ({ id }: Found): boolean => text.includes(`"${id}"`);
  const alias = resourcesOf(system, 'AWS::Lambda::Alias').find(isNamed);
  if (alias) return targetOf(alias.properties.FunctionName);
  return resourcesOf(system, 'AWS::Lambda::Function').find(isNamed)?.id;
}

export const list = (value: Json): Json[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

/** Ours, as against the CDK's own handlers. */
export function isOurFunction({ properties }: Found): boolean {
  return /^(http|queue|deploy|invoke)\//.test(properties.Handler);
}

export function functionNamed(system: System, handler: string): Found {
  const found = resourcesOf(system, 'AWS::Lambda::Function').find(
    ({ properties }) => properties.Handler === `${handler}.handler`,
  );
  if (!found) throw new Error(`There is no function ${handler}.`);
  return found;
}
