import { randomBytes } from 'node:crypto';
import type { Authorizer, Principal, RequestContext } from './authorizer.ts';
import { checkStatement, type Decision, evaluatePolicy } from './evaluate-policy.ts';
import { type Grant, UsedGrants } from './grants.ts';

/** An access that was refused, and how often. */
export interface Denial {
  readonly role: string;
  readonly action: string;
  readonly resource: string;
  readonly decision: Exclude<Decision, 'allowed'>;
  readonly count: number;
}

/** The local IAM: principals and their keys, evaluation, and a record of what each role really used. */
export interface LocalIam extends Authorizer {
  /** Throws when a statement cannot be evaluated or the access key is taken. */
  addPrincipal(principal: Principal): void;
  /** Makes an access key for a role and registers it. */
  issueAccessKey(roleName: string, statements: Principal['statements']): Principal;
  /** Role → action → resources that were allowed, of each at most `MOST_RESOURCES`. */
  used(): Record<string, Record<string, string[]>>;
  /** Role → the rights of its statements that were used since this was asked last. */
  takeUsedGrants(): ReadonlyMap<string, readonly Grant[]>;
  denied(): Denial[];
}

/** A bulk load touches any number of objects; the record is for reading. */
const MOST_RESOURCES = 1000;

/** IAM for the given principals; more may be added later. */
export function createAuthorizer(principals: readonly Principal[] = []): LocalIam {
  const byKey = new Map<string, Principal>();
  const used = new Map<string, Map<string, Set<string>>>();
  const denied = new Map<string, Denial>();
  const grants = new UsedGrants();

  function addPrincipal(principal: Principal): void {
    const { name, accessKeyId, statements } = principal;
    if (byKey.has(accessKeyId)) throw new Error(`The access key ${accessKeyId} is taken`);
    if (statements !== 'administrator') {
      statements.forEach((statement, at) => {
        checkStatement(statement, `Role ${name}, statement ${at + 1}`);
      });
    }
    byKey.set(accessKeyId, principal);
    if (statements !== 'administrator') grants.add(name, statements);
  }

  function recordDenial(role: string, action: string, resource: string, decision: Denial['decision']): void {
    const key = `${role}\n${action}\n${resource}`;
    const count = (denied.get(key)?.count ?? 0) + 1;
    if (count > 1 || denied.size < MOST_RESOURCES) denied.set(key, { role, action, resource, decision, count });
  }

  for (const principal of principals) addPrincipal(principal);
  return {
    addPrincipal,
    issueAccessKey(roleName, statements) {
      const accessKeyId = `LOCAL${randomBytes(8).toString('hex').toUpperCase()}`;
      const principal = {
        name: roleName,
        accessKeyId,
        secretAccessKey: randomBytes(30).toString('base64'),
        statements,
      };
      addPrincipal(principal);
      return principal;
    },
    principalOf: (accessKeyId) => byKey.get(accessKeyId),
    allows(principal, action, resource, context = {}) {
      const decision = decide(principal, action, resource, context);
      if (decision === 'allowed') {
        recordUse(used, principal.name, action, resource);
        grants.note(principal.name, action, resource, context);
      } else recordDenial(principal.name, action, resource, decision);
      return decision === 'allowed';
    },
    used() {
      const entries = [...used].map(([role, actions]): [string, Record<string, string[]>] => [
        role,
        Object.fromEntries([...actions].map(([action, resources]) => [action, [...resources]])),
      ]);
      return Object.fromEntries(entries);
    },
    takeUsedGrants: () => grants.take(),
    denied: () => [...denied.values()],
  };
}

function decide({ statements }: Principal, action: string, resource: string, context: RequestContext): Decision {
  return statements === 'administrator' ? 'allowed' : evaluatePolicy(statements, action, resource, context);
}

function recordUse(used: Map<string, Map<string, Set<string>>>, role: string, action: string, resource: string): void {
  const actions = used.get(role) ?? new Map<string, Set<string>>();
  const resources = actions.get(action) ?? new Set<string>();
  if (resources.size < MOST_RESOURCES) resources.add(resource);
  actions.set(action, resources);
  used.set(role, actions);
}

/** Gives the message of AWS's `AccessDenied`. */
export function accessDeniedMessage({ name }: Principal, action: string, resource: string): string {
  const user = `arn:aws:sts::000000000000:assumed-role/${name}/local`;
  return `User: ${user} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;
}
