import { DbragError } from '../core/errors.ts';
import type { CustomerSession } from './customer-session.ts';
import { grantScript } from './grant-script.ts';

/** The properties of a connection's role, and what it can see. */
export interface Examination {
  /** As the server says it: `17.9`. */
  readonly server_version: string;
  readonly user: string;
  /** Schemas with tables that the role may read. */
  readonly schemas: readonly string[];
  readonly tables: number;
}

interface Powers {
  readonly server_version: string;
  readonly user: string;
  readonly database: string;
  readonly schemas: readonly string[];
  readonly tables: number;
  readonly attributes: readonly string[];
  readonly memberships: readonly string[];
  readonly files: readonly string[];
  readonly owned: readonly string[];
  readonly written: readonly string[];
  readonly written_by_all: readonly string[];
}

/** Roles whose members may do more than read, or read outside the database: PostgreSQL's own and those of cloud providers. */
const mightyRoles = [
  'pg_write_all_data',
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_execute_server_program',
  'pg_signal_backend',
  'pg_maintain',
  'pg_checkpoint',
  'pg_create_subscription',
  'pg_database_owner',
  'rds_superuser',
  'rds_replication',
  'rdsadmin',
  'cloudsqlsuperuser',
  'azure_pg_admin',
  'alloydbsuperuser',
];

/** Functions that reach files, programs or other servers. Superusers alone may call them unless somebody granted it. */
const mightyFunctions = [
  'pg_read_file',
  'pg_read_binary_file',
  'pg_ls_dir',
  'pg_stat_file',
  'lo_import',
  'lo_export',
  'pg_file_write',
  'pg_reload_conf',
];

const shown = 10;

/** One look at the catalogs: everything that makes the role more than a reader, memberships of any depth included. */
const powers = `
WITH RECURSIVE held (oid) AS (
  SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user
  UNION
  SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN held h ON m.member = h.oid
),
roles AS (SELECT r.* FROM pg_catalog.pg_roles r WHERE r.oid IN (SELECT oid FROM held)),
relations AS (
  SELECT c.oid, c.relowner, c.relacl, c.relkind, n.nspname, format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
),
writable AS (
  SELECT r.*, pg_catalog.has_table_privilege(r.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
    OR pg_catalog.has_any_column_privilege(r.oid, 'INSERT, UPDATE') AS by_me,
    EXISTS (SELECT FROM pg_catalog.aclexplode(r.relacl) a WHERE a.grantee = 0
      AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')) AS by_all,
    EXISTS (SELECT FROM held CROSS JOIN pg_catalog.aclexplode(r.relacl) a WHERE a.grantee = held.oid
      AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')) AS by_membership
  FROM relations r
)
SELECT jsonb_build_object(
  'server_version', split_part(pg_catalog.current_setting('server_version'), ' ', 1),
  'user', current_user::text,
  'database', pg_catalog.current_database()::text,
  'schemas', coalesce((SELECT jsonb_agg(DISTINCT nspname::text) FROM relations WHERE pg_catalog.has_table_privilege(oid, 'SELECT')), '[]'),
  'tables', (SELECT count(*) FROM relations WHERE pg_catalog.has_table_privilege(oid, 'SELECT')),
  'attributes', coalesce((SELECT jsonb_agg(DISTINCT word) FROM roles CROSS JOIN LATERAL (VALUES
      (CASE WHEN rolsuper THEN 'SUPERUSER' END), (CASE WHEN rolbypassrls THEN 'BYPASSRLS' END),
      (CASE WHEN rolcreaterole THEN 'CREATEROLE' END), (CASE WHEN rolcreatedb THEN 'CREATEDB' END),
      (CASE WHEN rolreplication THEN 'REPLICATION' END)) AS words (word) WHERE word IS NOT NULL), '[]'),
  'memberships', coalesce((SELECT jsonb_agg(rolname::text ORDER BY rolname) FROM roles WHERE rolname = ANY ($1::text[])), '[]'),
  'files', coalesce((SELECT jsonb_agg(DISTINCT p.proname::text) FROM pg_catalog.pg_proc p
      WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY ($2::text[])
        AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')), '[]'),
  'owned', coalesce((SELECT jsonb_agg(name) FROM (
      SELECT name FROM relations JOIN held ON held.oid = relowner
      UNION ALL SELECT format('schema %I', nspname) FROM pg_catalog.pg_namespace JOIN held ON held.oid = nspowner
        WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
      UNION ALL SELECT format('database %I', datname) FROM pg_catalog.pg_database JOIN held ON held.oid = datdba WHERE datname = current_database()
    ) AS possessions), '[]'),
  'written', coalesce((SELECT jsonb_agg(name ORDER BY name) FROM writable WHERE by_me AND (by_membership OR NOT by_all)), '[]'),
  'written_by_all', coalesce((SELECT jsonb_agg(name ORDER BY name) FROM writable WHERE by_me AND by_all), '[]')
) AS powers`;

/**
 * Says who the role is. dbrag would not let a statement write; a role that cannot is the lock behind that one.
 * @throws role_too_powerful with every reason, and with the statements that make a role that is accepted
 */
export async function examineRole(session: CustomerSession, schemas: readonly string[] | null): Promise<Examination> {
  const [row] = await session.query<{ powers: Powers }>(powers, [mightyRoles, mightyFunctions]);
  if (row === undefined) throw new Error('The server did not say who we are.');
  const found = row.powers;
  const reasons = reasonsOf(found);
  if (reasons.length > 0) throw tooPowerful(found, reasons, schemas);
  const { server_version, user, tables } = found;
  return { server_version, user, tables, schemas: found.schemas };
}

function reasonsOf(found: Powers): string[] {
  const is = (things: readonly string[], say: (list: string) => string) =>
    things.length === 0 ? [] : [say(listed(things))];
  return [
    ...is(found.attributes, (list) => `it has, or can take, the attributes ${list}`),
    ...is(found.memberships, (list) => `it is a member of ${list}`),
    ...is(found.files, (list) => `it may call ${list}`),
    ...is(found.owned, (list) => `it owns ${list}`),
    ...is(found.written, (list) => `it may write ${list}`),
    ...is(found.written_by_all, (list) => `everybody may write ${list}`),
  ];
}

function listed(things: readonly string[]): string {
  const rest = things.length - shown;
  return `${things.slice(0, shown).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function tooPowerful(found: Powers, reasons: readonly string[], schemas: readonly string[] | null): DbragError {
  const script = grantScript({
    database: found.database,
    schemas: schemas ?? found.schemas,
    openTables: found.written_by_all,
  });
  return new DbragError(
    'role_too_powerful',
    `The role ${found.user} may do more than read: ${reasons.join('; ')}. Connect with a role that can only read. These statements, run by an administrator, make one:\n${script}`,
    { errors: reasons.map((detail) => ({ pointer: '/user', detail })) },
  );
}
