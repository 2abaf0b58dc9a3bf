import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { newUuid } from '../../shared/core/ids.ts';
import type { TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace } from '../support/database-content.ts';

/** Half of a workspace: one collection and one connection, and whatever belongs to them. */
export interface Side {
  readonly collectionId: string;
  readonly connectionId: string;
  readonly documentId: string;
}

export interface Tenant {
  readonly id: string;
  readonly keyHash: Buffer;
  /** What a narrowed caller may see, and what not. */
  readonly inside: Side;
  readonly outside: Side;
}

export interface IsolationWorld {
  readonly database: TestDatabase;
  readonly tenants: readonly Tenant[];
  /** Parents of partitions and plain tables that carry a workspace, by name without schema. */
  readonly tables: readonly string[];
  /** Whose an id is, by the id as UUID. */
  readonly owners: ReadonlyMap<string, string>;
}

/** As those of the stages. */
export const dimensions = 1_536;

/** Filled by the functions that fill them in earnest. */
const filled = ['workspaces', 'collections', 'documents', 'document_versions', 'chunks', 'placements', 'embeddings'];

/**
 * Workspaces of two halves with a row of each half in every table that carries a workspace. Tables are read from the catalog, so that
 * one of tomorrow is in the run without being named here.
 */
export async function seedWorld(database: TestDatabase, workspaces: number): Promise<IsolationWorld> {
  const tables = await tenantTables(database.admin);
  const tenants: Tenant[] = [];
  for (let n = 0; n < workspaces; n++) tenants.push(await seedTenant(database, n));
  // Rows are made of the catalog: they point nowhere in particular, and mean nothing that a check would ask for.
  await dropChecks(database.admin, tables);
  await database.admin.query('SET session_replication_role = replica');
  for (const table of tables.filter((name) => !filled.includes(name))) {
    const columns = await columnsOf(database.admin, table);
    for (const tenant of tenants)
      for (const side of [tenant.inside, tenant.outside]) await insertRow(database.admin, table, columns, tenant, side);
  }
  await database.admin.query('RESET session_replication_role');
  await database.admin.query('ANALYZE');
  return { database, tenants, tables, owners: await ownersOf(database.admin, tables) };
}

async function seedTenant({ application }: TestDatabase, n: number): Promise<Tenant> {
  const { id, keyHash } = await createWorkspace(application, `tenant ${n}`);
  const side = async (name: string): Promise<Side> => {
    const collectionId = await createCollection(application, id, name);
    const vector = new Float32Array(dimensions).fill(1);
    const chunks = [{ text: `The quetzal of tenant ${n} sits ${name}.`, vector }];
    return {
      collectionId,
      connectionId: newUuid(),
      documentId: await createDocument(application, id, collectionId, { chunks }),
    };
  };
  return { id, keyHash, inside: await side('inside'), outside: await side('outside') };
}

async function dropChecks(admin: pg.Client, tables: readonly string[]): Promise<void> {
  const { rows } = await admin.query<{ name: string; table: string }>(
    `SELECT quote_ident(conname) AS name, conrelid::regclass::text AS table FROM pg_constraint
     WHERE contype = 'c' AND conislocal AND conrelid = ANY (SELECT ('dbrag.' || name)::regclass FROM unnest($1::text[]) AS name)`,
    [tables],
  );
  for (const { name, table } of rows) await admin.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
}

async function tenantTables(admin: pg.Client): Promise<string[]> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'dbrag'::regnamespace AND relkind IN ('r', 'p')
       AND relrowsecurity AND NOT relispartition ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly needed: boolean;
  /** The first value that a check allows. */
  readonly choice: string | null;
}

async function columnsOf(admin: pg.Client, table: string): Promise<readonly Column[]> {
  const { rows } = await admin.query<Column>(
    `SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull AND NOT a.atthasdef AS needed,
       (SELECT substring(pg_get_constraintdef(c.oid) FROM '\\(' || a.attname || ' = ANY \\(ARRAY\\[''([^'']+)''')
        FROM pg_constraint c WHERE c.conrelid = a.attrelid AND c.contype = 'c'
          AND pg_get_constraintdef(c.oid) ~ ('\\(' || a.attname || ' = ANY \\(ARRAY\\[''') LIMIT 1) AS choice
     FROM pg_attribute a
     WHERE a.attrelid = ('dbrag.' || $1)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum`,
    [table],
  );
  return rows;
}

async function insertRow(
  admin: pg.Client,
  table: string,
  columns: readonly Column[],
  tenant: Tenant,
  side: Side,
): Promise<void> {
  const given = columns.flatMap((column) => {
    const value = valueFor(table, column, tenant, side);
    return value === undefined ? [] : [[column.name, value] as const];
  });
  await admin
    .query(
      `INSERT INTO dbrag.${table} (${given.map(([name]) => name).join(', ')})
       VALUES (${given.map((_, i) => `$${i + 1}`).join(', ')}) ON CONFLICT DO NOTHING`,
      given.map(([, value]) => value),
    )
    .catch((cause: Error) => {
      throw new Error(`No row could be made for dbrag.${table} (${cause.message}): say in seed.ts what it wants.`, {
        cause,
      });
    });
}

function valueFor(table: string, { name, type, needed, choice }: Column, tenant: Tenant, side: Side): unknown {
  if (name === 'workspace_id') return tenant.id;
  if (name === 'collection_id') return side.collectionId;
  if (name === 'connection_id' || (table === 'connections' && name === 'id')) return side.connectionId;
  if (name === 'document_id') return side.documentId;
  if (name === 'collection_ids') return [side.collectionId];
  if (name === 'connection_ids') return [side.connectionId];
  // Something to add up.
  if (name.endsWith('_tokens')) return 1;
  if (name === 'deadline_at') return new Date(Date.now() + 86_400_000);
  // Old enough for a sweep to look at it.
  if (table.startsWith('pending_') && ['created_at', 'ended_at'].includes(name))
    return new Date(Date.now() - 3_600_000);
  if (!needed) return undefined;
  return choice ?? example(type);
}

function example(type: string): unknown {
  if (type === 'uuid') return newUuid();
  if (type === 'text') return newUuid();
  if (type === 'bytea') return randomBytes(32);
  if (type.startsWith('timestamp') || type === 'date') return new Date();
  if (type === 'boolean') return false;
  if (type.startsWith('json')) return '{}';
  if (type.endsWith('[]')) return '{}';
  if (type.includes('halfvec')) return `[${Array(dimensions).fill(1).join(',')}]`;
  if (type.includes('sparsevec')) return '{1:1}/1000000000';
  if (type === 'tsvector') return '';
  return 1;
}

/** Ids that name something, by the workspace that it lies in. */
async function ownersOf(admin: pg.Client, tables: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const owners = new Map<string, string>();
  for (const table of tables) {
    const { rows: columns } = await admin.query<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = ('dbrag.' || $1)::regclass AND atttypid = 'uuid'::regtype
         AND attnum > 0 AND NOT attisdropped AND attname IN ('workspace_id', 'id', 'document_id', 'collection_id', 'connection_id')`,
      [table],
    );
    const own = table === 'workspaces' ? 'id' : 'workspace_id';
    for (const { name } of columns) {
      const { rows } = await admin.query<{ id: string; own: string }>(
        `SELECT DISTINCT ${name} AS id, ${own} AS own FROM dbrag.${table} WHERE ${name} IS NOT NULL`,
      );
      for (const row of rows) owners.set(row.id, row.own);
    }
  }
  return owners;
}
