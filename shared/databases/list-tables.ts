import type { CustomerSession } from './customer-session.ts';

/** Which tables a connection shows. */
export interface TableScope {
  /** Null: all but the system's. */
  readonly schemas: string[] | null;
  /** Patterns of `schema.table` or of `table`, with `*` for anything; none: everything. */
  readonly include: string[];
  readonly exclude: string[];
}

export interface ListedTable {
  readonly schema: string;
  readonly table: string;
  /** Both as SQL writes them. */
  readonly name: string;
  readonly kind: 'table' | 'view' | 'materialized_view' | 'foreign_table';
  /** As the server last counted; null where it never did. */
  readonly row_estimate: number | null;
  /** Of columns, types, keys and comments: equal as long as nothing of them changes. */
  readonly fingerprint: string;
}

/** More than a model could ever choose from; what is beyond is left out, by name. */
export const mostTables = 5_000;

/** One statement over the catalogs, aggregated a table at a time: 2,000 tables take a server a fraction of a second. */
const listing = `
WITH shown AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
    AND ($1::text[] IS NULL OR n.nspname = ANY ($1::text[]))
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
),
parts AS (
  SELECT a.attrelid AS oid, a.attnum::int AS position,
    concat_ws('|', 'column', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, d.description) AS part
  FROM shown s JOIN pg_catalog.pg_attribute a ON a.attrelid = s.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = a.attrelid AND d.objsubid = a.attnum
  WHERE pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT')
  UNION ALL
  SELECT k.conrelid, 100000, concat_ws('|', k.contype, pg_catalog.pg_get_constraintdef(k.oid))
  FROM shown s JOIN pg_catalog.pg_constraint k ON k.conrelid = s.oid AND k.contype IN ('p', 'f')
  UNION ALL
  SELECT s.oid, 0, d.description FROM shown s
  JOIN pg_catalog.pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = s.oid AND d.objsubid = 0
)
SELECT s.nspname::text AS schema, s.relname::text AS "table", format('%I.%I', s.nspname, s.relname) AS name,
  CASE s.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' WHEN 'f' THEN 'foreign_table' ELSE 'table' END AS kind,
  CASE WHEN s.reltuples >= 0 THEN s.reltuples::float8 END AS row_estimate,
  md5(coalesce(string_agg(p.part, E'\\n' ORDER BY p.position, p.part), '')) AS fingerprint
FROM shown s LEFT JOIN parts p ON p.oid = s.oid
GROUP BY s.oid, s.nspname, s.relname, s.relkind, s.reltuples
ORDER BY s.nspname, s.relname`;

/** The tables and views that the role may read and the connection shows, by name: at most `mostTables`, and one more where there are more. */
export async function listTables(session: CustomerSession, scope: TableScope): Promise<readonly ListedTable[]> {
  const tables = await session.query<ListedTable>(listing, [scope.schemas]);
  return tables.filter((table) => isShown(table, scope)).slice(0, mostTables + 1);
}

/** Excluding wins. */
export function isShown(
  { schema, table }: Pick<ListedTable, 'schema' | 'table'>,
  scope: Pick<TableScope, 'include' | 'exclude'>,
): boolean {
  const matches = (pattern: string) => fits(pattern, `${schema}.${table}`) || fits(pattern, table);
  return (scope.include.length === 0 || scope.include.some(matches)) && !scope.exclude.some(matches);
}

/**
 * Whether a text is as a pattern says, `*` for anything. No regular expression: one of many stars would take for ever to fail. Every
 * part between two stars is looked for once, from behind the one before it.
 */
function fits(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const [first = ''] = parts;
  if (parts.length === 1) return pattern === text;
  const last = parts.at(-1) ?? '';
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
