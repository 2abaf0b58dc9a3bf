import { splitCidr } from './cidr.ts';
import { localAccount, localRegion } from './names.ts';
import { AssemblyError, type TemplateStack, type TemplateValue } from './template.ts';

/** Represents `AWS::NoValue`: members and elements that evaluate to it disappear. */
export const noValue = Symbol('AWS::NoValue');

/** A value with every intrinsic resolved. */
export type Resolved =
  | string
  | number
  | boolean
  | null
  | readonly Resolved[]
  | { readonly [member: string]: Resolved }
  | typeof noValue;

/** Where an expression stands: its stack, and the logical id that an error should name. */
export interface Scope {
  readonly stack: TemplateStack;
  readonly logicalId: string;
}

/** What expressions need from outside their own template. */
export interface World {
  reference(scope: Scope, logicalId: string): Resolved;
  attribute(scope: Scope, logicalId: string, attribute: string): Resolved;
  importedValue(scope: Scope, name: string): Resolved;
}

type Intrinsic = (argument: TemplateValue, scope: Scope, world: World) => Resolved;

const pseudoParameters: Readonly<Record<string, (scope: Scope) => Resolved>> = {
  'AWS::AccountId': () => localAccount,
  'AWS::Region': () => localRegion,
  'AWS::Partition': () => 'aws',
  'AWS::URLSuffix': () => 'amazonaws.com',
  'AWS::StackName': (scope) => scope.stack.name,
  'AWS::StackId': (scope) => `arn:aws:cloudformation:${localRegion}:${localAccount}:stack/${scope.stack.name}/local`,
  'AWS::NotificationARNs': () => [],
  'AWS::NoValue': () => noValue,
};

/** Resolves every intrinsic in `value`. Throws `AssemblyError` for one that it does not know. */
export function evaluate(value: TemplateValue, scope: Scope, world: World): Resolved {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    return value.map((element: TemplateValue) => evaluate(element, scope, world)).filter((item) => item !== noValue);
  }
  const members = Object.entries(value as Record<string, TemplateValue>);
  const [name, argument] = members[0] ?? [];
  if (members.length === 1 && name !== undefined && argument !== undefined) {
    const intrinsic = intrinsics[name];
    // `Condition` is also a member of policy statements, where it holds an object.
    if (intrinsic && !(name === 'Condition' && typeof argument !== 'string')) return intrinsic(argument, scope, world);
  }
  const unknown = members.find(([member]) => member.startsWith('Fn::') || member === 'Ref');
  if (unknown) throw failure(scope, `the intrinsic ${unknown[0]} is not known`);
  return Object.fromEntries(
    members.map(([member, item]) => [member, evaluate(item, scope, world)]).filter(([, item]) => item !== noValue),
  );
}

/** True or false for the named condition of the stack. */
export function conditionHolds(name: string, scope: Scope, world: World): boolean {
  const expression = scope.stack.template.Conditions?.[name];
  if (expression === undefined) throw failure(scope, `the condition ${name} is not declared`);
  return boolean(evaluate(expression, { stack: scope.stack, logicalId: name }, world), scope, name);
}

const intrinsics: Readonly<Record<string, Intrinsic>> = {
  Ref: (argument, scope, world) => {
    const name = string(argument, scope, 'Ref');
    const pseudo = pseudoParameters[name];
    if (pseudo) return pseudo(scope);
    if (name.startsWith('AWS::')) throw failure(scope, `the pseudo parameter ${name} is not known`);
    return world.reference(scope, name);
  },
  'Fn::GetAtt': (argument, scope, world) => {
    const [logicalId, attribute] =
      typeof argument === 'string' ? splitOnce(argument) : (list(argument, scope, 'Fn::GetAtt') as TemplateValue[]);
    const name = evaluate(attribute ?? '', scope, world);
    return world.attribute(scope, string(logicalId, scope, 'Fn::GetAtt'), string(name, scope, 'Fn::GetAtt'));
  },
  'Fn::ImportValue': (argument, scope, world) =>
    world.importedValue(scope, string(evaluate(argument, scope, world), scope, 'Fn::ImportValue')),
  'Fn::Join': (argument, scope, world) => {
    const [separator, elements] = list(evaluate(argument, scope, world), scope, 'Fn::Join');
    return list(elements, scope, 'Fn::Join')
      .map((element) => string(element, scope, 'Fn::Join'))
      .join(string(separator, scope, 'Fn::Join'));
  },
  'Fn::Sub': substitute,
  'Fn::Select': (argument, scope, world) => {
    const [index, elements] = list(evaluate(argument, scope, world), scope, 'Fn::Select');
    const element = list(elements, scope, 'Fn::Select')[Number(index)];
    if (element === undefined) throw failure(scope, `Fn::Select: no element ${String(index)}`);
    return element;
  },
  'Fn::Split': (argument, scope, world) => {
    const [separator, text] = list(evaluate(argument, scope, world), scope, 'Fn::Split');
    return string(text, scope, 'Fn::Split').split(string(separator, scope, 'Fn::Split'));
  },
  'Fn::FindInMap': findInMap,
  'Fn::GetAZs': () => ['a', 'b', 'c'].map((zone) => `${localRegion}${zone}`),
  'Fn::Base64': (argument, scope, world) =>
    Buffer.from(string(evaluate(argument, scope, world), scope, 'Fn::Base64')).toString('base64'),
  'Fn::Cidr': (argument, scope, world) => {
    const [block, count, bits] = list(evaluate(argument, scope, world), scope, 'Fn::Cidr');
    try {
      return splitCidr(string(block, scope, 'Fn::Cidr'), Number(count), Number(bits ?? 8));
    } catch (error) {
      throw failure(scope, `Fn::Cidr: ${(error as Error).message}`);
    }
  },
  'Fn::If': (argument, scope, world) => {
    const [name, whenTrue, whenFalse] = list(argument, scope, 'Fn::If') as TemplateValue[];
    const chosen = conditionHolds(string(name, scope, 'Fn::If'), scope, world) ? whenTrue : whenFalse;
    if (chosen === undefined) throw failure(scope, 'Fn::If needs three elements');
    return evaluate(chosen, scope, world);
  },
  'Fn::Equals': (argument, scope, world) => {
    const [left, right] = list(evaluate(argument, scope, world), scope, 'Fn::Equals');
    return String(left) === String(right);
  },
  'Fn::And': (argument, scope, world) => booleans(argument, scope, world, 'Fn::And').every(Boolean),
  'Fn::Or': (argument, scope, world) => booleans(argument, scope, world, 'Fn::Or').some(Boolean),
  'Fn::Not': (argument, scope, world) => !booleans(argument, scope, world, 'Fn::Not')[0],
  Condition: (argument, scope, world) => conditionHolds(string(argument, scope, 'Condition'), scope, world),
};

/** Both forms: `"text ${A} ${B.Attribute} ${!Literal}"` and `["text ${C}", {C: value}]`. */
function substitute(argument: TemplateValue, scope: Scope, world: World): Resolved {
  const [text, variables] = Array.isArray(argument) ? (argument as TemplateValue[]) : [argument, {}];
  const given = (variables ?? {}) as Record<string, TemplateValue>;
  return string(text ?? null, scope, 'Fn::Sub').replace(/\$\{(!?)([^}]*)\}/g, (_, literal: string, name: string) => {
    if (literal) return `\${${name}}`;
    const own = given[name];
    if (own !== undefined) return string(evaluate(own, scope, world), scope, 'Fn::Sub');
    const expression: TemplateValue = name.includes('.') ? { 'Fn::GetAtt': [...splitOnce(name)] } : { Ref: name };
    return string(evaluate(expression, scope, world), scope, 'Fn::Sub');
  });
}

function findInMap(argument: TemplateValue, scope: Scope, world: World): Resolved {
  const [mapName, first, second, options] = list(evaluate(argument, scope, world), scope, 'Fn::FindInMap');
  const value = scope.stack.template.Mappings?.[String(mapName)]?.[String(first)]?.[String(second)];
  if (value !== undefined) return evaluate(value, scope, world);
  const fallback = (options as Record<string, Resolved> | undefined)?.DefaultValue;
  if (fallback !== undefined) return fallback;
  throw failure(scope, `Fn::FindInMap: ${String(mapName)}.${String(first)}.${String(second)} is not there`);
}

function booleans(argument: TemplateValue, scope: Scope, world: World, intrinsic: string): readonly boolean[] {
  return list(evaluate(argument, scope, world), scope, intrinsic).map((item) => boolean(item, scope, intrinsic));
}

function boolean(value: Resolved, scope: Scope, place: string): boolean {
  if (typeof value === 'boolean') return value;
  throw failure(scope, `${place}: expected true or false, not ${describe(value)}`);
}

function string(value: Resolved | TemplateValue | undefined, scope: Scope, place: string): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw failure(scope, `${place}: expected text, not ${describe(value)}`);
}

function list(value: Resolved | TemplateValue | undefined, scope: Scope, place: string): readonly Resolved[] {
  if (Array.isArray(value)) return value as readonly Resolved[];
  throw failure(scope, `${place}: expected a list, not ${describe(value)}`);
}

/** An attribute may itself hold dots (`Endpoint.Address`): only the first one separates. */
function splitOnce(text: string): readonly [string, string] {
  const dot = text.indexOf('.');
  return dot < 0 ? [text, ''] : [text.slice(0, dot), text.slice(dot + 1)];
}

const describe = (value: unknown): string =>
  typeof value === 'symbol' ? 'AWS::NoValue' : (JSON.stringify(value) ?? 'nothing');

const failure = (scope: Scope, reason: string): AssemblyError =>
  new AssemblyError(scope.stack.name, scope.logicalId, reason);
