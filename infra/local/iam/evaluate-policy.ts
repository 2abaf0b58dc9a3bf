import type { PolicyStatement, RequestContext } from './authorizer.ts';
import { conditionHolds, parseOperator } from './conditions.ts';
import { matchesPattern, substituteVariables } from './patterns.ts';

/** The three outcomes of an evaluation; AWS words its refusals differently for the last two. */
export type Decision = 'allowed' | 'denied explicitly' | 'not allowed';

/** Evaluates identity policies: an explicit deny wins, then an allow, else nothing is allowed. */
export function evaluatePolicy(
  statements: readonly PolicyStatement[],
  action: string,
  resource: string,
  context: RequestContext,
): Decision {
  const applying = statements.filter((statement) => applies(statement, action, resource, context));
  if (applying.some(({ Effect }) => Effect === 'Deny')) return 'denied explicitly';
  return applying.length > 0 ? 'allowed' : 'not allowed';
}

/** What a statement names, each as a list. */
interface Named {
  readonly actions: readonly string[];
  readonly notActions: boolean;
  readonly resources: readonly string[];
  readonly notResources: boolean;
}

const listed = new WeakMap<PolicyStatement, Named>();

/** Statements do not change, and every request asks for all of its role's. */
function namedBy(statement: PolicyStatement): Named {
  const known = listed.get(statement);
  if (known !== undefined) return known;
  const { Action, NotAction = [], Resource, NotResource = [] } = statement;
  const named = {
    actions: [Action ?? NotAction].flat(),
    notActions: Action === undefined,
    resources: [Resource ?? NotResource].flat(),
    notResources: Resource === undefined,
  };
  listed.set(statement, named);
  return named;
}

function applies(statement: PolicyStatement, action: string, resource: string, context: RequestContext): boolean {
  const { actions, notActions, resources, notResources } = namedBy(statement);
  if (actions.some((pattern) => matchesPattern(pattern, action, true)) === notActions) return false;
  const isMeant = resources.some((pattern) => {
    const filled = substituteVariables(pattern, context);
    return filled !== undefined && matchesPattern(filled, resource);
  });
  if (isMeant === notResources) return false;
  return statement.Condition === undefined || conditionHolds(statement.Condition, context);
}

/** Throws when a statement is not one that this evaluation understands wholly; `where` names it in the message. */
export function checkStatement(statement: PolicyStatement, where: string): void {
  const { Effect, Action, NotAction, Resource, NotResource, Condition = {} } = statement;
  const fail = (why: string): never => {
    throw new Error(`${where}: ${why}`);
  };
  if (Effect !== 'Allow' && Effect !== 'Deny') fail(`Effect is ${String(Effect)}`);
  if ((Action === undefined) === (NotAction === undefined)) fail('needs Action or NotAction');
  if ((Resource === undefined) === (NotResource === undefined)) fail('needs Resource or NotResource');
  const texts = [Action, NotAction, Resource, NotResource].flat().filter((value) => value !== undefined);
  if (texts.some((value) => typeof value !== 'string')) fail('an action or a resource is not a string');
  for (const operator of Object.keys(Condition)) {
    try {
      parseOperator(operator);
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
  }
}
