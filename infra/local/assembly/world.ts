import { conditionHolds, evaluate, noValue, type Resolved, type Scope, type World } from './intrinsics.ts';
import { attributeOf, type Endpoints, referenceTo } from './references.ts';
import type { Properties, Resource } from './resource.ts';
import { AssemblyError, type TemplateResource, type TemplateStack } from './template.ts';

/** All stacks together: resolves references among them, and reads their resources. */
export class AssemblyWorld implements World {
  readonly #stacks: readonly TemplateStack[];
  readonly #endpoints: Endpoints;
  readonly #resources = new Map<string, Resource>();
  readonly #evaluating = new Set<string>();
  readonly #exports = new Map<string, Resolved>();

  constructor(stacks: readonly TemplateStack[], endpoints: Endpoints) {
    this.#stacks = stacks;
    this.#endpoints = endpoints;
    for (const stack of stacks) {
      for (const [logicalId, resource] of Object.entries(stack.template.Resources ?? {})) {
        this.#addResource(stack, logicalId, resource);
      }
    }
  }

  get resources(): readonly Resource[] {
    return [...this.#resources.values()];
  }

  resourcesOf(...types: readonly string[]): readonly Resource[] {
    return this.resources.filter((resource) => types.includes(resource.type));
  }

  outputs(): readonly { stack: string; name: string; value: Resolved }[] {
    return this.#stacks.flatMap((stack) =>
      Object.entries(stack.template.Outputs ?? {})
        .filter(([name, output]) => this.#holds(output.Condition, { stack, logicalId: name }))
        .map(([name, output]) => ({
          stack: stack.name,
          name,
          value: evaluate(output.Value, { stack, logicalId: name }, this),
        })),
    );
  }

  reference(scope: Scope, logicalId: string): Resolved {
    const parameter = scope.stack.template.Parameters?.[logicalId];
    if (parameter) return this.#parameter(scope, logicalId, parameter);
    return referenceTo(this.#resource(scope, logicalId), this.#endpoints);
  }

  attribute(scope: Scope, logicalId: string, attribute: string): Resolved {
    return attributeOf(this.#resource(scope, logicalId), attribute, this.#endpoints);
  }

  importedValue(scope: Scope, name: string): Resolved {
    const known = this.#exports.get(name);
    if (known !== undefined) return known;
    for (const stack of this.#stacks) {
      for (const [output, { Value, Export }] of Object.entries(stack.template.Outputs ?? {})) {
        const place: Scope = { stack, logicalId: output };
        if (Export === undefined || evaluate(Export.Name, place, this) !== name) continue;
        const value = evaluate(Value, place, this);
        this.#exports.set(name, value);
        return value;
      }
    }
    throw new AssemblyError(scope.stack.name, scope.logicalId, `no stack exports ${name}`);
  }

  #parameter(scope: Scope, name: string, parameter: { Type: string; Default?: string | number }): Resolved {
    // The value stands in the account. It may pass through what means nothing here; whoever needs it finds the reference.
    if (parameter.Type.startsWith('AWS::SSM::Parameter')) return `{{resolve:ssm:${parameter.Default ?? name}}}`;
    if (parameter.Default === undefined) {
      throw new AssemblyError(scope.stack.name, scope.logicalId, `the parameter ${name} has no default`);
    }
    const isList = parameter.Type === 'CommaDelimitedList' || parameter.Type.startsWith('List<');
    return isList ? String(parameter.Default).split(',') : parameter.Default;
  }

  #resource(scope: Scope, logicalId: string): Resource {
    const resource = this.#resources.get(`${scope.stack.name}/${logicalId}`);
    if (resource) return resource;
    throw new AssemblyError(scope.stack.name, scope.logicalId, `refers to ${logicalId}, which is not there`);
  }

  #addResource(stack: TemplateStack, logicalId: string, resource: TemplateResource): void {
    const scope: Scope = { stack, logicalId };
    if (!this.#holds(resource.Condition, scope)) return;
    const evaluateProperties = (): Properties => this.#properties(scope, resource);
    let properties: Properties | undefined;
    this.#resources.set(`${stack.name}/${logicalId}`, {
      stack,
      logicalId,
      type: resource.Type,
      dependsOn: [resource.DependsOn ?? []].flat(),
      get properties() {
        properties ??= evaluateProperties();
        return properties;
      },
    });
  }

  #properties(scope: Scope, resource: TemplateResource): Properties {
    const key = `${scope.stack.name}/${scope.logicalId}`;
    if (this.#evaluating.has(key)) throw new AssemblyError(scope.stack.name, scope.logicalId, 'refers to itself');
    this.#evaluating.add(key);
    try {
      const properties = evaluate(resource.Properties ?? {}, scope, this);
      return properties === noValue ? {} : (properties as Properties);
    } finally {
      this.#evaluating.delete(key);
    }
  }

  #holds(condition: string | undefined, scope: Scope): boolean {
    return condition === undefined || conditionHolds(condition, scope, this);
  }
}
