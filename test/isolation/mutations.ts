import type pg from 'pg';

/** One lock taken off, and put back. */
export interface Mutation {
  readonly name: string;
  readonly undo: string;
  readonly change: string;
}

const nothing = '42501 never';

/** Every policy, every FORCE, and each thing that opening a workspace does: as they stand in the catalog. */
export async function listMutations(admin: pg.Client): Promise<readonly Mutation[]> {
  return [...(await contextMutations(admin)), ...(await policyMutations(admin)), ...(await forceMutations(admin))];
}

async function policyMutations(admin: pg.Client): Promise<Mutation[]> {
  const { rows } = await admin.query<
    Record<'table' | 'name' | 'kind' | 'cmd' | 'roles', string> & { qual: string | null; check: string | null }
  >(
    `SELECT tablename AS table, policyname AS name, permissive AS kind, cmd, array_to_string(roles, ', ') AS roles, qual, with_check AS check
     FROM pg_policies WHERE schemaname = 'dbrag' ORDER BY 1, 2`,
  );
  return rows.map((policy) => ({
    name: `${policy.table}: without the policy ${policy.name}`,
    change: `DROP POLICY ${policy.name} ON dbrag.${policy.table}`,
    undo: `CREATE POLICY ${policy.name} ON dbrag.${policy.table} AS ${policy.kind} FOR ${policy.cmd} TO ${policy.roles}
      ${policy.qual === null ? '' : `USING (${policy.qual})`} ${policy.check === null ? '' : `WITH CHECK (${policy.check})`}`,
  }));
}

async function forceMutations(admin: pg.Client): Promise<Mutation[]> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'dbrag'::regnamespace AND relkind IN ('r', 'p') AND relforcerowsecurity ORDER BY 1`,
  );
  return rows.flatMap(({ name }) => [
    {
      name: `${name}: not forced`,
      change: `ALTER TABLE dbrag.${name} NO FORCE ROW LEVEL SECURITY`,
      undo: `ALTER TABLE dbrag.${name} FORCE ROW LEVEL SECURITY`,
    },
    {
      name: `${name}: row security disabled`,
      change: `ALTER TABLE dbrag.${name} DISABLE ROW LEVEL SECURITY`,
      undo: `ALTER TABLE dbrag.${name} ENABLE ROW LEVEL SECURITY`,
    },
  ]);
}

async function contextMutations(admin: pg.Client): Promise<Mutation[]> {
  const mutations: Mutation[] = [];
  const of = async (signature: string, name: string, from: string, to: string) => {
    const { rows } = await admin.query<{ text: string }>('SELECT pg_get_functiondef($1::regprocedure) AS text', [
      signature,
    ]);
    const text = rows[0]?.text ?? nothing;
    if (!text.includes(from))
      throw new Error(`${signature} does not hold ${from}: the mutation "${name}" tries nothing.`);
    mutations.push({ name, change: text.replace(from, to), undo: text });
  };
  const begin = 'dbrag.begin_workspace(uuid, uuid[], uuid[], integer)';
  const opened = `set_config('dbrag.workspace_id', workspace::text, true)`;
  await of(begin, 'begin_workspace: opens none', opened, `''`);
  await of(begin, 'begin_workspace: for the session', opened, opened.replace('true', 'false'));
  for (const kind of ['collection', 'connection']) {
    const narrowing = `set_config('dbrag.${kind}_ids', coalesce(${kind}_ids::text, ''), true)`;
    await of(begin, `begin_workspace: narrows to no ${kind}s`, narrowing, `''`);
    await of(
      begin,
      `begin_workspace: an empty list of ${kind}s is none`,
      narrowing,
      narrowing.replace(`coalesce(${kind}_ids::text, '')`, `coalesce(nullif(${kind}_ids, '{}')::text, '')`),
    );
  }
  await of(
    'dbrag.collections_in_scope(uuid[])',
    'collections_in_scope: what is asked for is what may be seen',
    'IF allowed IS NULL THEN',
    'IF true THEN',
  );
  return mutations;
}
