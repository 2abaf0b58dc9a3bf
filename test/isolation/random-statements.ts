import type { PostgresDatabase } from '../../shared/adapters/postgres/database.ts';
import type { WorkspaceScope } from '../../shared/core/database.ts';
import { foreignIds } from './foreign-ids.ts';
import type { IsolationWorld, Tenant } from './seed.ts';

/** A generator of numbers that a seed decides (mulberry32): a run that fails can be made again. */
export function randomOf(seed: number): <T>(list: readonly T[]) => T {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return (list) => list[Math.floor(next() * list.length)] as (typeof list)[number];
}

export type Pick = ReturnType<typeof randomOf>;

type Statement = (
  tenant: Tenant,
  foreign: Tenant,
  table: string,
) => readonly [text: string, values: readonly unknown[]];

const own = (table: string) => (table === 'workspaces' ? 'id' : 'workspace_id');

/** As somebody would write them who forgot, or who tries. What changes would only change what is foreign. */
const statements: readonly Statement[] = [
  (_, __, table) => [`SELECT row_to_json(t)::text AS row FROM dbrag.${table} t LIMIT 50`, []],
  (_, foreign, table) => [
    `SELECT row_to_json(t)::text AS row FROM dbrag.${table} t WHERE ${own(table)} = $1`,
    [foreign.id],
  ],
  (_, foreign, table) => [
    `SELECT row_to_json(t)::text AS row FROM dbrag.${table} t WHERE t::text LIKE '%' || $1 || '%'`,
    [foreign.inside.collectionId],
  ],
  (tenant, foreign, table) => [
    `SELECT row_to_json(t)::text AS row FROM dbrag.${table} t WHERE ${own(table)} = $1 OR ${own(table)} = $2 LIMIT 50`,
    [tenant.id, foreign.id],
  ],
  (_, foreign) => [
    `SELECT row_to_json(d)::text AS row FROM dbrag.documents d JOIN dbrag.chunks c ON c.document_id = d.id WHERE d.id = $1`,
    [foreign.inside.documentId],
  ],
  (_, foreign) => [
    `SELECT dbrag.matching_documents(NULL, ARRAY[$1]::uuid[], 100)::text AS row`,
    [foreign.inside.collectionId],
  ],
  (_, foreign, table) => [`DELETE FROM dbrag.${table} WHERE ${own(table)} = $1`, [foreign.id]],
  (_, foreign) => [`UPDATE dbrag.collections SET name = 'taken' WHERE id = $1`, [foreign.inside.collectionId]],
  () => ['SELECT 1 / 0', []],
];

/** One statement of one tenant, in a transaction of its own. @returns what is foreign in what it gave or did */
export async function randomStatement(
  world: IsolationWorld,
  application: PostgresDatabase,
  pick: Pick,
): Promise<string[]> {
  const tenant = pick(world.tenants);
  const foreign = pick(world.tenants.filter(({ id }) => id !== tenant.id));
  const [text, values] = pick(statements)(tenant, foreign, pick(world.tables));
  const scope: WorkspaceScope = {
    workspaceId: tenant.id,
    collectionIds: pick([null, null, [tenant.inside.collectionId], [], [foreign.inside.collectionId]]),
    connectionIds: pick([null, null, [tenant.inside.connectionId], [], [foreign.inside.connectionId]]),
  };
  try {
    const { rows, count } = await application.inWorkspace(scope, (db) => db.query<{ row?: string }>(text, values));
    if (!text.startsWith('SELECT') && count > 0) return [`${count} foreign rows changed by ${text}`];
    return rows.flatMap(({ row }) => foreignIds(world, tenant.id, row ?? '')).map((id) => `${id} shown by ${text}`);
  } catch {
    // Refused is not leaked.
    return [];
  }
}
