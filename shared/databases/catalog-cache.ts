import { createHash } from 'node:crypto';
import type { Cache } from '../core/cache.ts';
import type { Database, WorkspaceScope } from '../core/database.ts';
import { seal, unseal } from '../core/sealed-value.ts';
import { type CatalogTable, readCatalogTables } from './catalog.ts';
import type { Connection } from './connections.ts';

/**
 * What is known of tables, kept for an hour: whoever writes SQL asks for the same ones again and again. The number of the catalog's
 * changes is part of the key, so what was read before a change is never served after it.
 */
export class CatalogCache {
  private readonly cache: Cache;
  private readonly secondsToLive: number;

  constructor(cache: Cache, secondsToLive: number) {
    this.cache = cache;
    this.secondsToLive = secondsToLive;
  }

  /**
   * Entries by their names; those that there are not are left out.
   * @param connection as it was read a moment ago, by whoever may see it: its entries are seen by the same people
   */
  async tables(
    database: Database,
    scope: WorkspaceScope,
    connection: Pick<Connection, 'id' | 'generation'>,
    names: readonly string[],
  ): Promise<readonly CatalogTable[]> {
    const keys = names.map((name) => keyOf(scope.workspaceId, connection, name));
    const values = await this.cache.getMany(keys);
    const known = keys.map((key, at) => read(key, values[at]));
    const missing = names.filter((_, at) => known[at] === undefined);
    const found =
      missing.length === 0
        ? []
        : await database.inWorkspace(scope, (db) => readCatalogTables(db, scope.workspaceId, connection.id, missing));
    const entries = found.map((table) => {
      const key = keyOf(scope.workspaceId, connection, table.name);
      return { key, value: seal(key, Buffer.from(JSON.stringify(table))) };
    });
    if (entries.length > 0) await this.cache.setMany(entries, this.secondsToLive);
    const byName = new Map(found.map((table) => [table.name, table]));
    return names.flatMap((name, at) => known[at] ?? byName.get(name) ?? []);
  }
}

/** Keys hold hashes and ids, never a name of somebody's table. What belongs to one table lies on one node. */
function keyOf(workspaceId: string, { id, generation }: Pick<Connection, 'id' | 'generation'>, name: string): string {
  const hash = createHash('sha256').update(name).digest('hex');
  return `meta:{${workspaceId}:${hash.slice(0, 2)}}:${id}:${generation}:${hash}`;
}

function read(key: string, value: Uint8Array | undefined): CatalogTable | undefined {
  const body = unseal(key, value);
  if (body === undefined) return undefined;
  const table = JSON.parse(Buffer.from(body).toString()) as CatalogTable;
  return { ...table, refreshed_at: table.refreshed_at && new Date(table.refreshed_at) };
}
