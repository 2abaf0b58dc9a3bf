import { createHmac } from 'node:crypto';
import type { Role } from '../assembly/model.ts';
import type { Principal } from '../iam/authorizer.ts';

/**
 * The access key of a role, derived from the root key of the data directory: a URL that a function has signed stays good
 * after a restart.
 */
function principalOf(rootKey: string, name: string, statements: Principal['statements']): Principal {
  const digest = (purpose: string): Buffer => createHmac('sha256', rootKey).update(`${purpose} ${name}`).digest();
  return {
    name,
    accessKeyId: `LOCAL${digest('access key').toString('hex').slice(0, 15).toUpperCase()}`,
    secretAccessKey: digest('secret key').toString('base64').slice(0, 40),
    statements,
  };
}

/** Role ARN → principal. */
export function principalsOfRoles(rootKey: string, roles: readonly Role[]): ReadonlyMap<string, Principal> {
  return new Map(roles.map((role) => [role.arn, principalOf(rootKey, role.name, role.statements)]));
}

/** The person at the machine: may do everything. */
export const administrator = (rootKey: string): Principal => principalOf(rootKey, 'administrator', 'administrator');
