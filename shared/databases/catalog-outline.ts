import type { Db } from '../core/database.ts';
import type { CataloguedTable, CataloguedType } from './firewall/catalogued-tables.ts';

/** A table as far as every statement is held against it. */
export interface OutlinedTable extends CataloguedTable {
  /** The name of its entry in the catalog: schema and table as written in SQL. */
  readonly entry: string;
  /** Entries that its foreign keys reference, one per key. */
  readonly references: readonly string[];
}

/** A catalog's outline of all tables of a connection: only names, nothing that came from rows. */
export interface CatalogOutline {
  /** By the names of their entries. */
  readonly tables: readonly OutlinedTable[];
  /** Column types that are not built in. */
  readonly types: readonly CataloguedType[];
}

export async function readOutline(db: Db, workspaceId: string, connectionId: string): Promise<CatalogOutline> {
  const { rows } = await db.query<OutlinedTable & { readonly types: readonly string[] }>(
    `SELECT schema_name AS schema, table_name AS name, name AS entry,
       ARRAY(SELECT c ->> 'name' FROM jsonb_array_elements(columns) c) AS columns,
       ARRAY(SELECT k -> 'references' ->> 'table' FROM jsonb_array_elements(foreign_keys) k) AS "references",
       ARRAY(SELECT DISTINCT c ->> 'type' FROM jsonb_array_elements(columns) c WHERE c ->> 'type' LIKE '%.%') AS types
     FROM dbrag.catalog_tables WHERE workspace_id = $1 AND connection_id = $2 ORDER BY catalog_tables.name`,
    [workspaceId, connectionId],
  );
  const written = new Set(rows.flatMap(({ types }) => types));
  return { tables: rows.map(({ types, ...table }) => table), types: [...written].flatMap(typeOf) };
}

const namedType = /^(?:"((?:[^"]|"")+)"|([a-z_][a-z0-9_$]*))\.(?:"((?:[^"]|"")+)"|([a-z_][a-z0-9_$]*))(?:\[\])*$/;

/** `shop.order_status[]` → shop, order_status. */
function typeOf(written: string): CataloguedType[] {
  const [, quotedSchema, schema, quotedName, name] = namedType.exec(written) ?? [];
  const plain = (quoted: string | undefined, bare: string | undefined) => quoted?.replaceAll('""', '"') ?? bare ?? '';
  const type = { schema: plain(quotedSchema, schema), name: plain(quotedName, name) };
  return type.name === '' ? [] : [type];
}
