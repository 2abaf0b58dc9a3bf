import type { Assembly } from '../assembly/model.ts';
import type { Denial } from './create-authorizer.ts';
import { type Grant, grantsOf } from './grants.ts';

/** Role → rights, each as a line that is the same in every stage. */
export type NamedRights = Readonly<Record<string, readonly string[]>>;

/** The rights of all roles, as the templates give them. */
export function namedGrants(assembly: Assembly): NamedRights {
  const name = namesOf(assembly);
  return byRole(assembly, (role) => grantsOf(role.statements).map(name.grant));
}

/** Those that were used. @param used by the name of a role, as the authorizer tells them */
export function namedUses(assembly: Assembly, used: ReadonlyMap<string, readonly Grant[]>): NamedRights {
  const name = namesOf(assembly);
  return byRole(assembly, (role) => (used.get(role.name) ?? []).map(name.grant));
}

/** What roles asked for and were refused. */
export function namedDenials(assembly: Assembly, denied: readonly Denial[]): NamedRights {
  const name = namesOf(assembly);
  return byRole(assembly, (role) =>
    denied.filter((one) => one.role === role.name).map((one) => name.grant({ ...one, condition: undefined })),
  );
}

/**
 * The roles without one right, to see what fails then.
 * @param line the role and the right, as they are named here: `http/api: sqs:SendMessage on …`
 * @throws Error when nobody has it
 */
export function rolesWithout(assembly: Assembly, line: string): Assembly['roles'] {
  const name = namesOf(assembly);
  let found = false;
  const roles = assembly.roles.map((role) => {
    const ofRole = roleName(assembly, role);
    const statements = role.statements.flatMap((statement) => {
      if (statement.Effect !== 'Allow') return [statement];
      return grantsOf([statement])
        .filter((grant) => {
          const isMeant = `${ofRole}: ${name.grant(grant)}` === line;
          found ||= isMeant;
          return !isMeant;
        })
        .map(({ action, resource, condition }) => ({
          Effect: 'Allow' as const,
          Action: action,
          Resource: resource,
          ...(condition === undefined ? {} : { Condition: condition }),
        }));
    });
    return { ...role, statements };
  });
  if (!found) throw new Error(`No role has the right "${line}".`);
  return roles;
}

function byRole(assembly: Assembly, rights: (role: Assembly['roles'][number]) => readonly string[]): NamedRights {
  const entries = assembly.roles.map((role): [string, string[]] => [
    roleName(assembly, role),
    [...rights(role)].sort(),
  ]);
  return Object.fromEntries(entries.filter(([, found]) => found.length > 0).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A role of ours is told by its function's handler, any other by what the template calls it. */
function roleName({ functions }: Assembly, { arn, logicalId }: Assembly['roles'][number]): string {
  const own = functions.find(({ roleArn }) => roleArn === arn);
  return own ? own.handler.replace(/\.handler$/, '') : plain(logicalId);
}

/** Without the digits that the CDK makes of the path. */
const plain = (logicalId: string): string => logicalId.replace(/[0-9A-F]{8}$/, '');

function namesOf(assembly: Assembly): { grant: (grant: Grant) => string } {
  const { queues, buckets, keys, secrets, functions } = assembly;
  const known = [...queues, ...buckets, ...keys, ...secrets, ...functions]
    .map(({ arn, logicalId }) => [arn, plain(logicalId)] as const)
    // The longest first: one bucket's name may begin with another's.
    .sort(([one], [other]) => other.length - one.length);
  const stack = assembly.functions[0]?.stack ?? '';
  const stage = stack.replace(/^dbrag-(.*)-service$/, '$1');
  const anyStage = (text: string): string =>
    stage === ''
      ? text
      : text.replaceAll(`dbrag-${stage}`, 'dbrag-<stage>').replaceAll(`dbrag/${stage}`, 'dbrag/<stage>');
  const resource = (text: string): string => {
    const found = known.find(([arn]) => text === arn || text.startsWith(`${arn}/`) || text.startsWith(`${arn}:`));
    const named = found ? found[1] + text.slice(found[0].length) : text;
    return anyStage(named)
      .replace(/^([A-Za-z]+)[0-9A-F]{8}\.Arn$/, '$1')
      .replace(/^arn:aws:/, '');
  };
  return {
    grant: ({ action, resource: text, condition }) =>
      `${action} on ${resource(text)}${condition === undefined ? '' : ` where ${anyStage(conditionText(condition))}`}`,
  };
}

function conditionText(condition: NonNullable<Grant['condition']>): string {
  return Object.values(condition)
    .flatMap((keys) => Object.entries(keys))
    .map(([key, value]) => `${key} is ${[value].flat().join(' or ')}`)
    .sort()
    .join(' and ');
}
