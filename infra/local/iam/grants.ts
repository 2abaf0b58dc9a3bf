import type { PolicyStatement, RequestContext } from './authorizer.ts';
import { evaluatePolicy } from './evaluate-policy.ts';

/** One action on one resource, under the condition of its statement: the least that can be given or taken away. */
export interface Grant {
  readonly action: string;
  /** As the statement names it, wildcards included. */
  readonly resource: string;
  readonly condition: PolicyStatement['Condition'];
}

/** All rights that statements give, one by one. @throws Error for a statement that gives by what it leaves out */
export function grantsOf(statements: readonly PolicyStatement[]): Grant[] {
  return statements
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap(({ Action, Resource, Condition }) => {
      if (Action === undefined || Resource === undefined)
        throw new Error('A statement gives rights by NotAction or NotResource: they cannot be told one by one.');
      return [Action]
        .flat()
        .flatMap((action) => [Resource].flat().map((resource) => ({ action, resource, condition: Condition })));
    });
}

/** Whether a right is one that a request needs, or could have used. */
function allowsRequest(grant: Grant, action: string, resource: string, context: RequestContext): boolean {
  const { condition } = grant;
  const statement = { Effect: 'Allow', Action: grant.action, Resource: grant.resource } as const;
  const whole = condition === undefined ? statement : { ...statement, Condition: condition };
  return evaluatePolicy([whole], action, resource, context) === 'allowed';
}

/** Which of their rights roles have used. */
export class UsedGrants {
  readonly #unused = new Map<string, Grant[]>();
  readonly #used = new Map<string, Grant[]>();

  add(role: string, statements: readonly PolicyStatement[]): void {
    this.#unused.set(role, grantsOf(statements));
    this.#used.set(role, []);
  }

  /** To be told of each request that was allowed. Costs nothing once a role has used what the action needs. */
  note(role: string, action: string, resource: string, context: RequestContext): void {
    const unused = this.#unused.get(role);
    if (!unused) return;
    const found = unused.filter((grant) => grant.action === action && allowsRequest(grant, action, resource, context));
    if (found.length === 0) return;
    this.#used.get(role)?.push(...found);
    this.#unused.set(
      role,
      unused.filter((grant) => !found.includes(grant)),
    );
  }

  /** Role → rights, in the order of their first use since this was asked last. */
  take(): ReadonlyMap<string, readonly Grant[]> {
    const taken = new Map(this.#used);
    for (const [role, grants] of taken) {
      this.#unused.get(role)?.push(...grants);
      this.#used.set(role, []);
    }
    return taken;
  }
}
