import type { Client } from 'pg';
import { scramVerifier } from './scram.ts';

export interface RolePasswords {
  readonly application: string;
  readonly maintainer: string;
}

/** Two runs on one cluster may create the same roles at once: the second one finds them existing. */
const createMissingRoles = ['dbrag_owner', 'dbrag_app', 'dbrag_maintainer', 'dbrag_search', 'dbrag_system']
  .map(
    (role) => `
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN
        BEGIN CREATE ROLE ${role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
      END IF;`,
  )
  .join('');

/**
 * INHERIT FALSE: a policy for dbrag_search applies to every role that has its privileges, and with it the owner would see all
 * rows. SET TRUE: it must be able to give functions to them.
 */
const memberships = `
  GRANT dbrag_search, dbrag_system TO dbrag_owner WITH INHERIT FALSE, SET TRUE;
  GRANT dbrag_owner TO dbrag_maintainer WITH INHERIT TRUE, SET TRUE;`;

/**
 * Set on the role, so that they hold behind RDS Proxy too, which must not see SET statements. A forgotten connection ends within a
 * minute: an open one keeps a small cluster from pausing.
 */
const serverSideLimits = `
  ALTER ROLE dbrag_app SET idle_session_timeout = '60s';
  ALTER ROLE dbrag_app SET idle_in_transaction_session_timeout = '30s';
  ALTER ROLE dbrag_app SET statement_timeout = '60s';
  ALTER ROLE dbrag_app SET lock_timeout = '10s';
  ALTER ROLE dbrag_maintainer SET idle_session_timeout = '60s';
  ALTER ROLE dbrag_maintainer SET lock_timeout = '10s';`;

/**
 * Makes what belongs to the cluster: the roles, their memberships and the passwords of the two that log in. Idempotent; a changed
 * password is set, so it is also how passwords rotate. The connection is a superuser, or a role with CREATEROLE that owns the
 * database (as the master user of an RDS cluster does) and is not `dbrag_owner` itself, since no role may grant membership in itself.
 */
export async function createRoles(client: Client, passwords: RolePasswords): Promise<void> {
  await client.query(`
    DO $do$ BEGIN ${createMissingRoles} END $do$;
    DO $do$ BEGIN
      IF current_user <> 'dbrag_owner' THEN EXECUTE format('GRANT dbrag_owner TO %I WITH INHERIT TRUE, SET TRUE', current_user); END IF;
    END $do$;
    ${memberships}
    ALTER ROLE dbrag_app LOGIN PASSWORD '${scramVerifier(passwords.application)}';
    ALTER ROLE dbrag_maintainer LOGIN PASSWORD '${scramVerifier(passwords.maintainer)}';
    ${serverSideLimits}`);
  await refusePowerfulRoles(client);
}

/** Row security means nothing to a superuser or a role that bypasses it: better no system than one that leaks. */
async function refusePowerfulRoles(client: Client): Promise<void> {
  const { rows } = await client.query<{ rolname: string }>(
    `SELECT rolname FROM pg_roles
     WHERE rolname IN ('dbrag_app', 'dbrag_maintainer', 'dbrag_search', 'dbrag_system', 'dbrag_owner')
       AND (rolsuper OR rolbypassrls)`,
  );
  if (rows.length > 0) {
    throw new Error(`these roles bypass row security and must not: ${rows.map((row) => row.rolname).join(', ')}`);
  }
}
