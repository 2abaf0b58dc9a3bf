import { type Json, list, resourcesOf, type System, targetOf } from './assertion.ts';

export interface Statement {
  readonly policy: string;
  /** Logical ids of the roles that hold it. */
  readonly roles: readonly string[];
  readonly statement: Json;
}

/** Every statement of every identity policy. */
export function statementsOf(system: System): Statement[] {
  const attached = resourcesOf(system, 'AWS::IAM::Policy').flatMap(({ id, properties }) =>
    list(properties.PolicyDocument.Statement).map((statement) => ({
      policy: id,
      roles: list(properties.Roles).map((role) => targetOf(role) ?? ''),
      statement,
    })),
  );
  const inline = resourcesOf(system, 'AWS::IAM::Role').flatMap(({ id, properties }) =>
    list(properties.Policies).flatMap((policy) =>
      list(policy.PolicyDocument.Statement).map((statement) => ({ policy: id, roles: [id], statement })),
    ),
  );
  return [...attached, ...inline];
}

export const actionsOf = ({ statement }: Statement): string[] => list(statement.Action);
export const resourcesIn = ({ statement }: Statement): Json[] => list(statement.Resource);

/** Every resource policy that grants to or denies a principal. */
export function resourcePolicies(system: System, type: string): { id: string; statements: Json[]; properties: Json }[] {
  return resourcesOf(system, type).map(({ id, properties }) => ({
    id,
    properties,
    statements: list((properties.PolicyDocument ?? properties.KeyPolicy).Statement),
  }));
}

/** Handlers (`queue/maintain`) of the functions whose role holds a statement for which `matches` is true. */
export function handlersHolding(system: System, matches: (statement: Statement) => boolean): string[] {
  const roles = new Set(
    statementsOf(system)
      .filter(matches)
      .flatMap((statement) => statement.roles),
  );
  return resourcesOf(system, 'AWS::Lambda::Function')
    .filter(({ properties }) => roles.has(targetOf(properties.Role) ?? ''))
    .map(({ properties }) => String(properties.Handler).replace(/\.handler$/, ''))
    .sort();
}

/** Gives the role of a function one more right. */
export function giveRight(system: System, roleId: string, statement: Json): void {
  const policy = resourcesOf(system, 'AWS::IAM::Policy').find(({ properties }) =>
    list(properties.Roles).some((role) => targetOf(role) === roleId),
  );
  policy?.properties.PolicyDocument.Statement.push({ Effect: 'Allow', ...statement });
}
