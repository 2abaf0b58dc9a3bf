import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Db, WorkspaceScope } from '../../shared/core/database.ts';
import { newUuid, publicId } from '../../shared/core/ids.ts';
import { chatTokensToday, embeddingTokensToday } from '../../shared/limits/token-quota.ts';
import { search } from '../../shared/retrieval/search.ts';
import { foreignIds } from './foreign-ids.ts';
import { dimensions, type IsolationWorld, type Tenant } from './seed.ts';

/** A sentence about something that should not be so. */
export type Complaint = string;

/** Not narrowed by row security, and why. */
const wholeOnly: Readonly<Record<string, string>> = {
  stored_changes: 'counted against what the workspace may have, whoever adds to it',
};

/** What is wrong, one after the other: whoever wants to know whether anything is takes the first. */
export async function* probes(world: IsolationWorld): AsyncGenerator<Complaint> {
  yield* sees(world);
  yield* narrowed(world);
  yield* writes(world);
  yield* afterwards(world);
  yield* asOwner(world);
  yield* acrossWorkspaces(world);
}

const pair = ({ tenants }: IsolationWorld) => [tenants[0], tenants.at(-1)] as readonly [Tenant, Tenant];

async function rowsOf(world: IsolationWorld, scope: WorkspaceScope, table: string): Promise<readonly string[]> {
  return world.database.application
    .inWorkspace(
      scope,
      async (db) => (await db.query<{ row: string }>(`SELECT row_to_json(t)::text AS row FROM dbrag.${table} t`)).rows,
    )
    .then((rows) => rows.map(({ row }) => row));
}

/** Everything of its own, and nothing else. */
async function* sees(world: IsolationWorld): AsyncGenerator<Complaint> {
  for (const table of world.tables) {
    for (const { id } of pair(world)) {
      const rows = await readable(rowsOf(world, { workspaceId: id }, table));
      if (rows === undefined) continue;
      for (const row of rows) if (foreignIds(world, id, row).length > 0) yield `${table}: shows a foreign row`;
      const own = table === 'workspaces' ? 'id' : 'workspace_id';
      const { rows: counted } = await world.database.admin.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM dbrag.${table} WHERE ${own} = $1`,
        [id],
      );
      if (rows.length !== counted[0]?.n) yield `${table}: shows ${rows.length} of ${counted[0]?.n} own rows`;
    }
    const outside = await readable(
      world.database.application.inSystem(async (db) => (await db.query(`SELECT FROM dbrag.${table}`)).count),
    );
    if (outside) yield `${table}: shows ${outside} rows without a workspace`;
  }
}

/** Narrowed to a collection, to a connection, or to both: nothing that names the others. */
async function* narrowed(world: IsolationWorld): AsyncGenerator<Complaint> {
  const [tenant] = pair(world);
  const { id: workspaceId, inside, outside } = tenant;
  const collection = { workspaceId, collectionIds: [inside.collectionId] };
  const connection = { workspaceId, connectionIds: [inside.connectionId] };
  for (const table of world.tables.filter((name) => !(name in wholeOnly))) {
    const all = await readable(rowsOf(world, { workspaceId }, table));
    if (all === undefined) continue;
    for (const [scope, hidden] of [
      [collection, [outside.collectionId]],
      [connection, [outside.connectionId]],
      [{ ...collection, ...connection }, [outside.collectionId, outside.connectionId]],
      [
        { workspaceId, collectionIds: [], connectionIds: [] },
        [outside, inside].flatMap((side) => [side.collectionId, side.connectionId]),
      ],
    ] as const) {
      const rows = await rowsOf(world, scope, table);
      for (const row of rows)
        if (hidden.some((one) => row.includes(one))) yield `${table}: narrowing shows what lies outside`;
      const kept = all.filter((row) => !hidden.some((one) => row.includes(one)));
      const isMentioned = kept.some((row) => row.includes(inside.collectionId) || row.includes(inside.connectionId));
      if (isMentioned && rows.length === 0) yield `${table}: narrowing hides what lies inside`;
    }
  }
  const matched = await world.database.application.inWorkspace(collection, async (db) => {
    const { rows } = await db.query<{ ids: string[] }>(
      'SELECT dbrag.matching_documents(NULL, ARRAY[$1, $2]::uuid[], 1000) AS ids',
      [inside.collectionId, outside.collectionId],
    );
    return rows[0]?.ids ?? [];
  });
  if (matched.length !== 1 || matched[0] !== inside.documentId) yield 'matching_documents: obeys no narrowing';
}

/** Another workspace's rows can neither be changed nor made. */
async function* writes(world: IsolationWorld): AsyncGenerator<Complaint> {
  const [own, foreign] = pair(world);
  for (const table of world.tables) {
    const column = table === 'workspaces' ? 'id' : 'workspace_id';
    const attempts = [
      [`UPDATE dbrag.${table} SET ${column} = ${column} WHERE ${column} = $1`, [foreign.id]],
      [`DELETE FROM dbrag.${table} WHERE ${column} = $1`, [foreign.id]],
      [
        `UPDATE dbrag.${table} SET ${column} = $1 WHERE ${column} = $2`,
        [table === 'workspaces' ? newUuid() : foreign.id, own.id],
      ],
    ] as const;
    for (const [statement, values] of attempts) {
      const changed = await tried(world, { workspaceId: own.id }, (db) => db.query(statement, values));
      if (changed > 0) yield `${table}: a foreign workspace can be written to`;
    }
  }
}

/** What was set for a transaction has ended with it. */
async function* afterwards(world: IsolationWorld): AsyncGenerator<Complaint> {
  const [own] = pair(world);
  const client = new pg.Client({ connectionString: world.database.applicationUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT dbrag.begin_workspace($1, NULL, NULL, NULL)', [own.id]);
    await client.query('COMMIT');
    const { rowCount } = await client.query('SELECT FROM dbrag.collections');
    if (rowCount) yield 'begin_workspace: outlasts its transaction';
  } finally {
    await client.end();
  }
}

/** The owner, whom only FORCE holds, and past the parents, whom only their own policies hold. */
async function* asOwner({ database, tables }: IsolationWorld): AsyncGenerator<Complaint> {
  const client = new pg.Client({ connectionString: database.maintainerUrl });
  await client.connect();
  try {
    for (const table of tables) {
      const { rowCount } = await client.query(`SELECT FROM dbrag.${table}`);
      if (rowCount) yield `${table}: shows its owner ${rowCount} rows`;
    }
  } finally {
    await client.end();
  }
  const { rows } = await database.admin.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'dbrag'::regnamespace AND c.relkind IN ('r', 'p')
       AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id')
       AND NOT (c.relrowsecurity AND c.relforcerowsecurity
         AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'workspace_isolation' AND p.polpermissive))`,
  );
  for (const { name } of rows) yield `${name}: is not isolated in the catalog`;
}

/** The few functions that look across give what they are there for, and to nobody the rest. */
async function* acrossWorkspaces(world: IsolationWorld): AsyncGenerator<Complaint> {
  const [own] = pair(world);
  const rows = <Row>(text: string, values: readonly unknown[] = []) =>
    world.database.application.inSystem(async (db) => (await db.query<Row>(text, values)).rows);
  const keys = await rows<{ workspace_id: string }>('SELECT * FROM dbrag.find_api_key($1)', [own.keyHash]);
  if (keys.length !== 1 || keys[0]?.workspace_id !== own.id) yield 'find_api_key: does not find the key';
  if ((await rows('SELECT * FROM dbrag.list_workspaces(NULL, 1000)')).length < world.tenants.length)
    yield 'list_workspaces: does not list them';
  const { rows: members } = await world.database.admin.query<{ issuer: string; subject: string; workspace_id: string }>(
    'SELECT issuer, subject, workspace_id FROM dbrag.members WHERE workspace_id = $1 LIMIT 1',
    [own.id],
  );
  const found = await rows<{ workspace_id: string }>('SELECT * FROM dbrag.find_memberships($1, $2)', [
    members[0]?.issuer,
    members[0]?.subject,
  ]);
  if (found.length !== 1 || found[0]?.workspace_id !== own.id) yield 'find_memberships: does not find the member';
  const key = `uploads/${publicId('workspace', own.id)}/${publicId('collection', own.inside.collectionId)}/a.txt`;
  if ((await rows('SELECT * FROM dbrag.workspace_of_key($1)', [key])).length !== 1)
    yield 'workspace_of_key: does not know the key';
  const most = world.tenants.length * 10;
  for (const name of ['unfinished_work', 'waiting_purchases', 'unannounced_workspaces'])
    if ((await rows(`SELECT FROM dbrag.${name}(${most})`)).length === 0) yield `${name}: gives nothing`;
  const made = await tried(world, null, (db) =>
    db.query('SELECT dbrag.create_workspace($1, $2, $3, $4, $5, $6)', [
      newUuid(),
      'made',
      {},
      newUuid(),
      randomBytes(32),
      'hint',
    ]),
  );
  if (made !== 1) yield 'create_workspace: makes none';
  const words = await world.database.application.inWorkspace({ workspaceId: own.id }, async (db) => {
    const found = await search(db, {
      workspaceId: own.id,
      mode: 'keyword',
      text: 'quetzal',
      vector: null,
      bridge: null,
      model: 'text-embedding-3-small',
      limit: 10,
      collectionIds: null,
      filter: null,
      includeText: true,
    });
    return found.length;
  });
  if (words !== 2) yield `bm25_candidates: finds ${words} of 2 own chunks`;
  const hits = await world.database.application.inWorkspace({ workspaceId: own.id }, async (db) => {
    const { rows: near } = await db.query<{ document_id: string }>(
      `SELECT document_id FROM dbrag.nearest_candidates($1::text::halfvec, 'text-embedding-3-small', NULL, 100, NULL, NULL, NULL, 1000)`,
      [`[${Array(dimensions).fill(1).join(',')}]`],
    );
    return near.map(({ document_id }) => document_id).sort();
  });
  const narrowed = { workspaceId: own.id, collectionIds: [], connectionIds: [] };
  const spent = await world.database.application.inWorkspace(narrowed, async (db) => [
    await chatTokensToday(db),
    await embeddingTokensToday(db),
  ]);
  // One event of each half, with a token of each sort.
  if (spent.join() !== '4,2') yield `chat_tokens_of_today, embedding_tokens_of_today: sum ${spent.join()} for 4,2`;
  if (hits.join() !== [own.inside.documentId, own.outside.documentId].sort().join())
    yield 'nearest_candidates: gives others than the own chunks';
}

/** What the catalog says of policies: the last resort for a lock that nothing but the catalog's own test would miss. */
export async function policiesOf({ database }: IsolationWorld): Promise<string> {
  const { rows } = await database.admin.query(
    `SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies WHERE schemaname = 'dbrag' ORDER BY 1, 2`,
  );
  return JSON.stringify(rows);
}

class Undone extends Error {
  readonly count: number;
  constructor(count: number) {
    super('undone');
    this.count = count;
  }
}

/** Rows that a statement changes, undone; 0 for one that is refused. */
async function tried(
  { database: { application } }: IsolationWorld,
  scope: WorkspaceScope | null,
  work: (db: Db) => Promise<{ count: number }>,
): Promise<number> {
  const undo = async (db: Db) => {
    throw new Undone((await work(db)).count);
  };
  try {
    await (scope ? application.inWorkspace(scope, undo) : application.inSystem(undo));
    return 0;
  } catch (error) {
    return error instanceof Undone ? error.count : 0;
  }
}

/** Undefined where the application role may not read the table at all. */
async function readable<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if ((error as { code?: string }).code === '42501') return undefined;
    throw error;
  }
}
