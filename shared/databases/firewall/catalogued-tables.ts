import { showIdentifier } from './names.ts';
import { Refusal } from './refusal.ts';

/** A table or view that may be read, as the catalog of its connection knows it. */
export interface CataloguedTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
}

/** A type of the database's own that values may be cast to: an enum. */
export interface CataloguedType {
  readonly schema: string;
  readonly name: string;
}

/** The tables that a statement may read. */
export interface AllowedRelations {
  readonly tables: readonly CataloguedTable[];
  /** Where tables without a schema are looked for, first to last. */
  readonly schemas: readonly string[];
  /** Enums; default none. */
  readonly types?: readonly CataloguedType[];
}

export interface KnownTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: ReadonlySet<string>;
}

/** A catalog is the same list for one statement after the other, and may hold thousands of tables. */
const indexes = new WeakMap<readonly CataloguedTable[], ReadonlyMap<string, KnownTable>>();

function byName(tables: readonly CataloguedTable[]): ReadonlyMap<string, KnownTable> {
  const known = indexes.get(tables);
  if (known) return known;
  const readable = tables.filter(({ schema }) => !catalogs.test(schema));
  const index = new Map(
    readable.map(({ schema, name, columns }) => [keyOf(schema, name), { schema, name, columns: new Set(columns) }]),
  );
  indexes.set(tables, index);
  return index;
}

const catalogs = /^(pg_|information_schema$)/;

/** Finds tables by their names: only those that are in the catalog. */
export class CataloguedTables {
  private readonly tables: ReadonlyMap<string, KnownTable>;
  private readonly types: ReadonlySet<string>;
  private readonly schemas: readonly string[];

  constructor({ tables, schemas, types = [] }: AllowedRelations) {
    this.tables = byName(tables);
    this.types = new Set(types.map(({ schema, name }) => keyOf(schema, name)));
    this.schemas = schemas;
  }

  /**
   * @param named the members of a `RangeVar`
   * @throws Refusal `table`
   */
  find(named: Readonly<Record<string, unknown>>): KnownTable {
    const { catalogname, schemaname, relname } = named;
    if (catalogname) throw new Refusal('table', 'Write the table without the name of its database.');
    const name = String(relname);
    const found = typeof schemaname === 'string' ? this.tables.get(keyOf(schemaname, name)) : this.findAnywhere(name);
    if (found) return found;
    const written = [schemaname, name].filter((part) => typeof part === 'string').map(showIdentifier);
    throw new Refusal(
      'table',
      `The table ${written.join('.')} is not in the connection's catalog; refresh the connection if it is new.`,
    );
  }

  /** @param parts of a type's name */
  findType(parts: readonly string[]): CataloguedType | undefined {
    const name = parts.at(-1) ?? '';
    const schemas = parts.length === 1 ? this.schemas : parts.length === 2 ? parts.slice(0, 1) : [];
    const schema = schemas.find((each) => this.types.has(keyOf(each, name)));
    return schema === undefined ? undefined : { schema, name };
  }

  /** Postgres looks into its own catalog first, where every name begins with `pg_`. */
  private findAnywhere(name: string): KnownTable | undefined {
    if (catalogs.test(name)) return undefined;
    for (const schema of this.schemas) {
      const found = this.tables.get(keyOf(schema, name));
      if (found) return found;
    }
    return undefined;
  }
}

function keyOf(schema: string, name: string): string {
  return JSON.stringify([schema, name]);
}
