import type { PolicyStatement, RequestContext } from './authorizer.ts';
import { contextValues, matchesArn, matchesPattern, substituteVariables } from './patterns.ts';

type Comparison = (wanted: string, given: string) => boolean;

const number =
  (compare: (given: number, wanted: number) => boolean): Comparison =>
  (wanted, given) =>
    given.trim() !== '' && compare(Number(given), Number(wanted));

const comparisons: Readonly<Record<string, Comparison>> = {
  StringEquals: (wanted, given) => wanted === given,
  StringEqualsIgnoreCase: (wanted, given) => wanted.toLowerCase() === given.toLowerCase(),
  StringLike: (wanted, given) => matchesPattern(wanted, given),
  ArnEquals: matchesArn,
  ArnLike: matchesArn,
  Bool: (wanted, given) => wanted.toLowerCase() === given.toLowerCase(),
  NumericEquals: number((given, wanted) => given === wanted),
  NumericLessThan: number((given, wanted) => given < wanted),
  NumericLessThanEquals: number((given, wanted) => given <= wanted),
  NumericGreaterThan: number((given, wanted) => given > wanted),
  NumericGreaterThanEquals: number((given, wanted) => given >= wanted),
};

/** Each of these is true when none of its values compares equal. */
const negations: Readonly<Record<string, string>> = {
  StringNotEquals: 'StringEquals',
  StringNotEqualsIgnoreCase: 'StringEqualsIgnoreCase',
  StringNotLike: 'StringLike',
  ArnNotEquals: 'ArnEquals',
  ArnNotLike: 'ArnLike',
  NumericNotEquals: 'NumericEquals',
};

interface Operator {
  readonly compare: Comparison | 'null';
  readonly negated: boolean;
  readonly ifExists: boolean;
  readonly set: 'any' | 'all' | undefined;
}

const operators = new Map<string, Operator>();

/** Reads `ForAnyValue:StringLikeIfExists` and its kin. Throws for an operator that it does not know: passing it over would grant. */
export function parseOperator(name: string): Operator {
  const operator = operators.get(name) ?? readOperator(name);
  operators.set(name, operator);
  return operator;
}

function readOperator(name: string): Operator {
  const match = /^(?:(ForAnyValue|ForAllValues):)?(\w+?)(IfExists)?$/.exec(name);
  const base = match?.[2] ?? '';
  const set = match?.[1] === undefined ? undefined : match[1] === 'ForAnyValue' ? 'any' : 'all';
  const ifExists = match?.[3] !== undefined;
  if (base === 'Null' && !ifExists && set === undefined) return { compare: 'null', negated: false, ifExists, set };
  const positive = Object.hasOwn(negations, base) ? negations[base] : base;
  const compare = positive !== undefined && Object.hasOwn(comparisons, positive) ? comparisons[positive] : undefined;
  if (compare === undefined) throw new Error(`The local IAM does not know the condition operator ${name}`);
  return { compare, negated: positive !== base, ifExists, set };
}

/** Whether every operator and every key of a condition holds for the request. */
export function conditionHolds(condition: NonNullable<PolicyStatement['Condition']>, context: RequestContext): boolean {
  return Object.entries(condition).every(([name, keys]) => {
    const operator = parseOperator(name);
    return Object.entries(keys).every(([key, values]) =>
      keyHolds(operator, [values].flat().map(String), contextValues(context, key), context),
    );
  });
}

function keyHolds(
  operator: Operator,
  wanted: readonly string[],
  given: readonly string[] | undefined,
  context: RequestContext,
): boolean {
  const { compare, negated, ifExists, set } = operator;
  if (compare === 'null') return wanted.some((value) => (value.toLowerCase() === 'true') === (given === undefined));
  if (given === undefined) return ifExists || set === 'all' || (negated && set === undefined);
  const filled = wanted.map((value) => substituteVariables(value, context)).filter((value) => value !== undefined);
  const holds = (value: string): boolean => filled.some((pattern) => compare(pattern, value)) !== negated;
  // Without a set operator a negation must hold for every value, as a comparison needs only one.
  return set === 'all' || (set === undefined && negated) ? given.every(holds) : given.some(holds);
}
