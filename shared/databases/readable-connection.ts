import type { CatalogOutline, OutlinedTable } from './catalog-outline.ts';
import type { Connection } from './connections.ts';
import type { AllowedRelations } from './firewall/catalogued-tables.ts';

/** A connection, and all that statements may read of it. */
export interface ReadableConnection {
  readonly connection: Connection;
  readonly allowed: AllowedRelations & { readonly tables: readonly OutlinedTable[] };
}

export function readableWith(connection: Connection, { tables, types }: CatalogOutline): ReadableConnection {
  const found = [...new Set(tables.map(({ schema }) => schema))];
  // In the order that the connection names them; else `public` comes first, where people keep what they do not name a schema of.
  const schemas =
    connection.schemas ?? found.sort((one, other) => Number(other === 'public') - Number(one === 'public'));
  return { connection, allowed: { tables, schemas, types } };
}
