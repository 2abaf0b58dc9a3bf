import type { CustomerSession } from './customer-session.ts';
import { quoted } from './grant-script.ts';

export interface CatalogColumn {
  readonly name: string;
  /** As SQL writes it: `numeric(10,2)`. */
  readonly type: string;
  readonly nullable: boolean;
  readonly comment: string | null;
  /** All there are, where there are few and rows may be sent. */
  readonly values?: readonly string[];
}

export interface ForeignKey {
  readonly columns: readonly string[];
  readonly references: { readonly table: string; readonly columns: readonly string[] };
}

export interface TableDescription {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly CatalogColumn[];
  readonly primary_key: readonly string[];
  readonly foreign_keys: readonly ForeignKey[];
  readonly comment: string | null;
  /** Up to `mostSamples` rows, values as text and cut; null where rows may not leave. */
  readonly samples: readonly Readonly<Record<string, string | null>>[] | null;
}

const mostSamples = 5;
const longestLookMilliseconds = 2_000;
/** Share of a request's time for sampling rows: slow samples must not cost what is known without them. */
const shareToLook = 0.8;
/** Longest sample value: enough to see what it is, and never a document. */
const longestValue = 100;
/** A column with more different values is no list to choose from. */
const mostValues = 20;
/** Values are sampled from columns of these types, among the first rows only: scanning a large table would be too expensive. */
const listedTypes = /^(text|character|"char"|name|boolean|USER-DEFINED|enum|smallint)/;
const rowsLookedAt = 10_000;
const mostValueColumns = 30;
/** A table of 1,600 columns is shown with its samples cut to these. */
const mostSampleColumns = 100;

const shape = `
SELECT n.nspname::text AS schema, c.relname::text AS "table", d.description AS comment,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('name', a.attname::text, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
      'nullable', NOT a.attnotnull, 'comment', pg_catalog.col_description(c.oid, a.attnum)) ORDER BY a.attnum), '[]')
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')) AS columns,
  (SELECT coalesce(jsonb_agg(a.attname::text ORDER BY k.position), '[]')
    FROM pg_catalog.pg_constraint p CROSS JOIN LATERAL unnest(p.conkey) WITH ORDINALITY AS k (attnum, position)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = p.conrelid AND a.attnum = k.attnum
    WHERE p.conrelid = c.oid AND p.contype = 'p') AS primary_key,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('columns', f.columns, 'references',
      jsonb_build_object('table', f.target, 'columns', f.target_columns)) ORDER BY f.conname), '[]')
    FROM (SELECT k.conname, format('%I.%I', tn.nspname, t.relname) AS target,
        (SELECT jsonb_agg(a.attname::text ORDER BY u.position) FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, position)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum) AS columns,
        (SELECT jsonb_agg(a.attname::text ORDER BY u.position) FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, position)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum) AS target_columns
      FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class t ON t.oid = k.confrelid
      JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
      WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0) f) AS foreign_keys
FROM unnest($1::text[], $2::text[]) AS wanted (nspname, relname)
JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.nspname
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.relname AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0`;

/**
 * The structure of the tables, and a sample of their rows where that is allowed. A table that no longer exists is left out. A sample that fails
 * (a view that divides by zero, a foreign server that is down) leaves a table without samples.
 */
export async function describeTables(
  session: CustomerSession,
  tables: readonly { readonly schema: string; readonly table: string }[],
  withRows: boolean,
): Promise<readonly TableDescription[]> {
  const shapes = await session.query<Omit<TableDescription, 'samples'>>(shape, [
    tables.map(({ schema }) => schema),
    tables.map(({ table }) => table),
  ]);
  if (!withRows) return shapes.map((one) => ({ ...one, samples: null }));
  const kept = session.left() * (1 - shareToLook);
  const described: TableDescription[] = [];
  for (const [at, one] of shapes.entries()) {
    // Time that a quick table does not use goes to the others.
    const part = (session.left() - kept) / (shapes.length - at);
    described.push(await withLook(session, one, session.left() - part));
  }
  return described;
}

/** @param until what must be left of the session's time, in milliseconds */
async function withLook(
  session: CustomerSession,
  shape: Omit<TableDescription, 'samples'>,
  until: number,
): Promise<TableDescription> {
  const look = <T>(work: () => Promise<T>): Promise<T> => {
    const limit = Math.floor(Math.min(longestLookMilliseconds, session.left() - until));
    if (limit <= 0) throw new Error('The time of this table is over.');
    return session.attempt(limit, work);
  };
  try {
    const samples = await look(() => sampleRows(session, shape));
    const values = await look(() => fewValues(session, shape)).catch(() => new Map<string, readonly string[]>());
    const columns = shape.columns.map((column) => {
      const known = values.get(column.name);
      return known === undefined ? column : { ...column, values: known };
    });
    return { ...shape, columns, samples };
  } catch {
    return { ...shape, samples: [] };
  }
}

type Shape = Pick<TableDescription, 'schema' | 'table' | 'columns'>;

/** Cut by the server: a value of a gigabyte never leaves it. */
const shown = (column: string): string => `left(${quoted(column)}::text, ${longestValue})`;

async function sampleRows(session: CustomerSession, { schema, table, columns }: Shape) {
  const names = columns.slice(0, mostSampleColumns).map(({ name }) => name);
  if (names.length === 0) return [];
  const rows = await session.query<{ values: readonly (string | null)[] }>(
    `SELECT ARRAY[${names.map(shown).join(', ')}]::text[] AS values FROM ${quoted(schema)}.${quoted(table)} LIMIT ${mostSamples}`,
  );
  return rows.map(({ values }) => Object.fromEntries(names.map((name, at) => [name, values[at] ?? null])));
}

/** The server counts, and sends a list only where it is short. */
async function fewValues(
  session: CustomerSession,
  { schema, table, columns }: Shape,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = columns.filter(({ type }) => listedTypes.test(type)).slice(0, mostValueColumns);
  if (names.length === 0) return new Map();
  const list = names.map(({ name }, at) => `${shown(name)} AS "${at}"`).join(', ');
  const few = names.map(
    (_, at) => `(SELECT CASE WHEN count(*) <= ${mostValues} THEN array_agg(v ORDER BY v) END
      FROM (SELECT DISTINCT "${at}" AS v FROM looked WHERE "${at}" IS NOT NULL LIMIT ${mostValues + 1}) d) AS "${at}"`,
  );
  const [row] = await session.query<Record<string, readonly string[] | null>>(
    `WITH looked AS MATERIALIZED (SELECT ${list} FROM ${quoted(schema)}.${quoted(table)} LIMIT ${rowsLookedAt}) SELECT ${few.join(', ')}`,
  );
  return new Map(
    names.flatMap(({ name }, at) => {
      const values = row?.[at] ?? [];
      return values.length > 0 ? [[name, values] as const] : [];
    }),
  );
}
