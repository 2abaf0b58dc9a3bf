import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** The only functions that look past row security, and whose rights they have. A new one is a decision: add it here. */
const definerFunctions = {
  create_workspace: 'dbrag_system',
  find_api_key: 'dbrag_system',
  find_memberships: 'dbrag_system',
  first_conversation: 'dbrag_system',
  list_workspaces: 'dbrag_system',
  longest_retention_days: 'dbrag_system',
  unannounced_workspaces: 'dbrag_system',
  unfinished_work: 'dbrag_system',
  unsealed_chains: 'dbrag_system',
  walk_workspaces: 'dbrag_system',
  waiting_purchases: 'dbrag_system',
  workspace_of_key: 'dbrag_system',
  chat_tokens_of_today: 'dbrag_system',
  embedding_tokens_of_today: 'dbrag_system',
  bm25_candidates: 'dbrag_search',
  keyword_candidates: 'dbrag_search',
  largest_workspaces: 'dbrag_search',
  matching_documents: 'dbrag_search',
  nearest_candidates: 'dbrag_search',
  semantic_candidates: 'dbrag_search',
};

/** Policies beside the two templates: for the two roles that log in nowhere. */
const policiesOfRoles = [
  'api_keys system_inserts INSERT dbrag_system',
  'api_keys system_reads SELECT dbrag_system',
  'audit_chains system_inserts INSERT dbrag_system',
  'audit_events system_reads SELECT dbrag_system',
  'audit_seals system_reads SELECT dbrag_system',
  'chunks search_reads SELECT dbrag_search',
  'collections system_reads SELECT dbrag_system',
  'conversations system_reads SELECT dbrag_system',
  'corpus_statistics search_reads SELECT dbrag_search',
  'corpus_statistics system_inserts INSERT dbrag_system',
  'document_versions search_reads SELECT dbrag_search',
  'document_versions system_reads SELECT dbrag_system',
  'documents search_reads SELECT dbrag_search',
  'embeddings search_reads SELECT dbrag_search',
  'jobs system_reads SELECT dbrag_system',
  'members system_reads SELECT dbrag_system',
  'pending_announcements system_reads SELECT dbrag_system',
  'pending_embeddings system_reads SELECT dbrag_system',
  'placements search_reads SELECT dbrag_search',
  'term_statistics search_reads SELECT dbrag_search',
  'workspaces system_inserts INSERT dbrag_system',
  'workspaces system_reads SELECT dbrag_system',
];

/** Unique across workspaces, and no oracle: hashes of random keys. */
const uniqueOnRandomValues = ['api_keys_hash'];
/** The operator's own, which hold no tenant's words. */
const operatorTables = [
  'erasures',
  'model_circuits',
  'rejected_uploads',
  'schema_migrations',
  'schema_settings',
  'seen_errors',
  'sweep_state',
  'trail_rounds',
  'vector_indexes',
];

const isolation = (column: string) =>
  `(${column} = (NULLIF(current_setting('dbrag.workspace_id'::text, true), ''::text))::uuid)`;
const narrowing = (column: string, setting = 'collection_ids') =>
  `((NULLIF(current_setting('dbrag.${setting}'::text, true), ''::text) IS NULL) OR ` +
  `(${column} = ANY ((NULLIF(current_setting('dbrag.${setting}'::text, true), ''::text))::uuid[])))`;

/** Of what concerns several collections or connections: all of them must be the caller's. */
const narrowingToAll = (column: 'collection_ids' | 'connection_ids') =>
  `\nCASE\n    WHEN (NULLIF(current_setting('dbrag.${column}'::text, true), ''::text) IS NULL) THEN true\n` +
  `    ELSE (${column} <@ (NULLIF(current_setting('dbrag.${column}'::text, true), ''::text))::uuid[])\nEND`;

/** A job is of a collection, of a connection, or of the workspace; the last is seen by nobody who is narrowed. */
const jobOf = (own: 'collection' | 'connection', other: 'collection' | 'connection') =>
  `((NULLIF(current_setting('dbrag.${own}_ids'::text, true), ''::text) IS NULL) OR ` +
  `(${own}_id = ANY ((NULLIF(current_setting('dbrag.${own}_ids'::text, true), ''::text))::uuid[])) OR ` +
  `((${own}_id IS NULL) AND (${other}_id IS NOT NULL)))`;
const jobNarrowing = `(${jobOf('collection', 'connection')} AND ${jobOf('connection', 'collection')})`;

/** Usage is of a collection, or of the workspace; the last is seen by nobody who is narrowed. Whoever may spend may record it. */
const usageNarrowing =
  `\nCASE\n    WHEN (NULLIF(current_setting('dbrag.collection_ids'::text, true), ''::text) IS NOT NULL) THEN ` +
  `(collection_id = ANY ((NULLIF(current_setting('dbrag.collection_ids'::text, true), ''::text))::uuid[]))\n` +
  `    WHEN (NULLIF(current_setting('dbrag.connection_ids'::text, true), ''::text) IS NOT NULL) THEN (collection_id IS NOT NULL)\n` +
  `    ELSE true\nEND`;

interface Policy {
  readonly tablename: string;
  readonly policyname: string;
  readonly permissive: string;
  readonly roles: readonly string[];
  readonly cmd: string;
  readonly qual: string | null;
  readonly with_check: string | null;
}

describe('the catalog', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  }, 60_000);
  afterAll(() => database?.close());

  const rows = async <Row>(text: string): Promise<readonly Row[]> =>
    (await database.admin.query(text)).rows as readonly Row[];
  const names = async (text: string) => (await rows<{ name: string }>(text)).map((row) => row.name);

  it('forces row security on every table but the operator’s', async () => {
    const open = await names(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'dbrag'::regnamespace AND relkind IN ('r', 'p')
       AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY 1`,
    );
    expect(open).toEqual(operatorTables);
    const withWorkspace = await names(
      `SELECT DISTINCT relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
       WHERE c.relnamespace = 'dbrag'::regnamespace AND c.relkind IN ('r', 'p')`,
    );
    expect(withWorkspace.length).toBeGreaterThan(20);
    for (const table of operatorTables) expect(withWorkspace).not.toContain(table);
  });

  it('has the policy templates, word for word, and no other policy but the listed ones', async () => {
    const policies = await rows<Policy>(
      `SELECT tablename, policyname, permissive, roles::text[] AS roles, cmd, qual, with_check
       FROM pg_policies WHERE schemaname = 'dbrag' ORDER BY tablename, policyname`,
    );
    const isolated = policies.filter((policy) => policy.policyname === 'workspace_isolation');
    const protectedTables = await names(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'dbrag'::regnamespace AND relrowsecurity ORDER BY 1`,
    );
    expect(isolated.map((policy) => policy.tablename).sort()).toEqual([...protectedTables].sort());
    for (const policy of isolated) {
      const expected = isolation(policy.tablename === 'workspaces' ? 'id' : 'workspace_id');
      expect(policy, policy.tablename).toMatchObject({ permissive: 'PERMISSIVE', roles: ['public'], cmd: 'ALL' });
      expect([policy.qual, policy.with_check], policy.tablename).toEqual([expected, expected]);
    }
    const narrowed = policies.filter((policy) => policy.policyname === 'collection_narrowing');
    expect(narrowed.map((policy) => policy.tablename)).toEqual([
      'chunks',
      'collections',
      'document_versions',
      'documents',
      'embeddings',
      'pending_embeddings',
      'placements',
    ]);
    for (const policy of narrowed) {
      const expected = narrowing(policy.tablename === 'collections' ? 'id' : 'collection_id');
      expect(policy, policy.tablename).toMatchObject({ permissive: 'RESTRICTIVE', roles: ['dbrag_app'], cmd: 'ALL' });
      expect([policy.qual, policy.with_check], policy.tablename).toEqual([expected, expected]);
    }
    const toConnections = policies.filter((policy) => policy.policyname === 'connection_narrowing');
    expect(toConnections.map((policy) => policy.tablename)).toEqual([
      'catalog_tables',
      'connection_secrets',
      'connections',
      'sql_examples',
      'sql_terms',
    ]);
    for (const policy of toConnections) {
      const expected = narrowing(policy.tablename === 'connections' ? 'id' : 'connection_id', 'connection_ids');
      expect(policy, policy.tablename).toMatchObject({ permissive: 'RESTRICTIVE', roles: ['dbrag_app'], cmd: 'ALL' });
      expect([policy.qual, policy.with_check], policy.tablename).toEqual([expected, expected]);
    }
    const ofSeveral = policies.filter((policy) => policy.policyname === 'collections_narrowing');
    const narrowedToAll = ['api_keys', 'conversations', 'members', 'messages', 'queries'];
    expect(ofSeveral.map((policy) => policy.tablename)).toEqual(narrowedToAll);
    const ofDatabases = policies.filter((policy) => policy.policyname === 'connections_narrowing');
    expect(ofDatabases.map((policy) => policy.tablename)).toEqual(narrowedToAll);
    const ofJobs = policies.filter((policy) => policy.policyname === 'job_narrowing');
    expect(ofJobs.map((policy) => policy.tablename)).toEqual(['jobs']);
    for (const policy of [...ofSeveral, ...ofDatabases, ...ofJobs]) {
      const columns = { collections_narrowing: 'collection_ids', connections_narrowing: 'connection_ids' } as const;
      const column = columns[policy.policyname as keyof typeof columns];
      const expected = column ? narrowingToAll(column) : jobNarrowing;
      expect(policy, policy.tablename).toMatchObject({ permissive: 'RESTRICTIVE', roles: ['dbrag_app'], cmd: 'ALL' });
      expect([policy.qual, policy.with_check], policy.tablename).toEqual([expected, expected]);
    }
    const ofUsage = policies.filter((policy) => policy.policyname === 'usage_narrowing');
    expect(ofUsage.map((policy) => policy.tablename)).toEqual(['usage_daily', 'usage_events']);
    for (const policy of ofUsage) {
      expect(policy, policy.tablename).toMatchObject({
        permissive: 'RESTRICTIVE',
        roles: ['dbrag_app'],
        cmd: 'SELECT',
      });
      expect([policy.qual, policy.with_check], policy.tablename).toEqual([usageNarrowing, null]);
    }
    const templates = [...ofUsage, ...isolated, ...narrowed, ...toConnections, ...ofSeveral, ...ofDatabases, ...ofJobs];
    const others = policies.filter((policy) => !templates.includes(policy));
    expect(others.map((each) => [each.tablename, each.policyname, each.cmd, ...each.roles].join(' '))).toEqual(
      policiesOfRoles,
    );
  });

  it('gives the application role nothing but rows', async () => {
    const roles = await rows(
      `SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = ANY ('{dbrag_owner,dbrag_app,dbrag_maintainer,dbrag_search,dbrag_system}')`,
    );
    expect(roles).toHaveLength(5);
    for (const role of roles) {
      expect(role).toMatchObject({
        rolsuper: false,
        rolbypassrls: false,
        rolcreaterole: false,
        rolcreatedb: false,
        rolreplication: false,
      });
    }
    expect(
      await names(
        `SELECT rolname AS name FROM pg_roles WHERE rolcanlogin AND rolname LIKE 'dbrag\\_%' AND rolname <> 'dbrag_admin' ORDER BY 1`,
      ),
    ).toEqual(['dbrag_app', 'dbrag_maintainer']);
    expect(
      await names(`SELECT r.rolname || ' in ' || m.roleid::regrole AS name FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
        WHERE r.rolname IN ('dbrag_app', 'dbrag_search', 'dbrag_system')`),
    ).toEqual([]);
    expect(
      await names(
        `SELECT objid::text AS name FROM pg_shdepend WHERE deptype = 'o' AND refobjid = 'dbrag_app'::regrole`,
      ),
    ).toEqual([]);
    expect(
      await names(`SELECT relname AS name FROM pg_class WHERE relnamespace = 'dbrag'::regnamespace AND relkind IN ('r', 'p')
        AND has_table_privilege('dbrag_app', oid, 'TRUNCATE, REFERENCES, TRIGGER')`),
    ).toEqual([]);
    expect(
      await names(`SELECT relname AS name FROM pg_class WHERE relnamespace = 'dbrag'::regnamespace AND relispartition
        AND relkind IN ('r', 'p') AND has_table_privilege('dbrag_app', oid, 'SELECT, INSERT, UPDATE, DELETE')`),
    ).toEqual([]);
    expect(
      await rows(
        `SELECT FROM pg_database WHERE datname = current_database() AND has_schema_privilege('dbrag_app', 'dbrag', 'CREATE')`,
      ),
    ).toEqual([]);
  });

  it('gives the roles behind the definer functions no way to write, beyond making a workspace', async () => {
    const writes = await names(
      `SELECT grantee || ' ' || privilege_type || ' ' || table_name AS name FROM information_schema.role_table_grants
       WHERE table_schema = 'dbrag' AND grantee IN ('dbrag_search', 'dbrag_system') AND privilege_type <> 'SELECT' ORDER BY 1`,
    );
    expect(writes).toEqual([
      'dbrag_system INSERT api_keys',
      'dbrag_system INSERT audit_chains',
      'dbrag_system INSERT corpus_statistics',
      'dbrag_system INSERT workspaces',
    ]);
  });

  it('has no SECURITY DEFINER function outside the list, and each of those has a fixed search path', async () => {
    const found = await rows<{ proname: string; owner: string; path: string | null }>(
      `SELECT proname, proowner::regrole::text AS owner, array_to_string(proconfig, ';') AS path FROM pg_proc p
       WHERE prosecdef AND pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`,
    );
    expect(Object.fromEntries(found.map((each) => [each.proname, each.owner]))).toEqual(definerFunctions);
    expect(found).toHaveLength(Object.keys(definerFunctions).length);
    for (const each of found) expect(each.path, each.proname).toMatch(/^search_path=pg_catalog, (public, )?pg_temp$/);
    expect(
      await names(`SELECT proname AS name FROM pg_proc WHERE pronamespace = 'dbrag'::regnamespace
        AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl WHERE acl.grantee = 0)`),
    ).toEqual([]);
  });

  it('starts every unique index with the workspace', async () => {
    const found = await names(
      `SELECT i.relname AS name FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
       JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
       WHERE x.indisunique AND t.relnamespace = 'dbrag'::regnamespace AND t.relrowsecurity AND a.attname <> 'workspace_id'
         AND NOT (t.relname = 'workspaces' AND a.attname = 'id') ORDER BY 1`,
    );
    expect(found).toEqual(uniqueOnRandomValues);
  });

  it('carries the workspace in every foreign key between tenants’ tables', async () => {
    const found = await rows<{ name: string; from_columns: string[]; to_columns: string[]; to_table: string }>(
      `SELECT c.conname AS name, c.confrelid::regclass::text AS to_table,
         ARRAY(SELECT attname::text FROM unnest(c.conkey) WITH ORDINALITY k (n, o) JOIN pg_attribute ON attrelid = c.conrelid AND attnum = n ORDER BY o) AS from_columns,
         ARRAY(SELECT attname::text FROM unnest(c.confkey) WITH ORDINALITY k (n, o) JOIN pg_attribute ON attrelid = c.confrelid AND attnum = n ORDER BY o) AS to_columns
       FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = 'dbrag'::regnamespace`,
    );
    expect(found.length).toBeGreaterThan(10);
    for (const key of found) {
      expect(key.from_columns[0], key.name).toBe('workspace_id');
      expect(key.to_columns[0], key.name).toBe(key.to_table === 'dbrag.workspaces' ? 'id' : 'workspace_id');
    }
  });

  it('has no view that runs with its owner’s rights, and no materialized one', async () => {
    expect(
      await names(`SELECT relname AS name FROM pg_class WHERE relnamespace = 'dbrag'::regnamespace
        AND (relkind = 'm' OR relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (reloptions), false))`),
    ).toEqual([]);
  });

  it('gives every unfinished row a deadline', async () => {
    const checked = await names(
      `SELECT conrelid::regclass::text AS name FROM pg_constraint WHERE contype = 'c' AND pg_get_constraintdef(oid) LIKE '%deadline_at IS NOT NULL%' ORDER BY 1`,
    );
    expect(checked).toEqual(['dbrag.document_versions', 'dbrag.documents', 'dbrag.jobs']);
  });

  it('finds one row by its key in tables that nobody has counted yet, whatever lists they have', async () => {
    const byKey = {
      documents: 'workspace_id = $1 AND id = $1',
      document_versions: 'workspace_id = $1 AND document_id = $1 AND version = 1',
    };
    for (const [table, condition] of Object.entries(byKey)) {
      // As a foreign key asks: one plan for all values.
      const { rows } = await database.admin.query(
        `EXPLAIN (GENERIC_PLAN) SELECT FROM dbrag.${table} WHERE ${condition}`,
      );
      expect(rows.map((row) => row['QUERY PLAN']).join('\n'), table).toContain(`pkey`);
    }
  });
});
