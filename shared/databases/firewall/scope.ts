/** Something that columns are taken from. */
export interface Relation {
  /** The names that `alias.name` may have. */
  columns(): ReadonlySet<string>;
}

interface NamedRelation {
  readonly relation: Relation;
  /** Not hidden behind the alias of a join. */
  readonly certain: boolean;
}

/** The meaning of names at a place of the statement: the tables of WITH, the relations of FROM, and the enclosing scopes. */
export class Scope {
  readonly parent: Scope | null;
  private readonly commonTables = new Map<string, Relation>();
  private readonly relations: Map<string, NamedRelation[]>;
  /** Seen from inside FROM, where it depends on LATERAL and on the order of joins which of its relations are in view. */
  private readonly partial: boolean;

  constructor(parent: Scope | null, seenFromInside?: Scope) {
    this.parent = parent;
    this.partial = seenFromInside !== undefined;
    this.relations = seenFromInside?.relations ?? new Map();
  }

  addCommonTable(name: string, table: Relation): void {
    this.commonTables.set(name, table);
  }

  addRelation(alias: string, relation: Relation, certain: boolean): void {
    this.relations.set(alias, [...(this.relations.get(alias) ?? []), { relation, certain }]);
  }

  /** The nearest one, as Postgres takes it. */
  commonTable(name: string): Relation | undefined {
    return this.commonTables.get(name) ?? this.parent?.commonTable(name);
  }

  /** Every relation that Postgres may resolve this name to here: the nearest, and others where it is ambiguous. */
  relationsNamed(alias: string): Relation[] {
    const own = this.relations.get(alias) ?? [];
    const sure = !this.partial && own.some(({ certain }) => certain);
    return [...own.map(({ relation }) => relation), ...(sure ? [] : (this.parent?.relationsNamed(alias) ?? []))];
  }

  /** All columns of this query's own FROM clause. */
  ownColumns(): Set<string> {
    return new Set([...this.relations.values()].flat().flatMap(({ relation }) => [...relation.columns()]));
  }
}
