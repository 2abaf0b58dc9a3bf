import { outputColumns } from './allowed-functions.ts';
import type { CataloguedTables } from './catalogued-tables.ts';
import { textsOf, unwrap } from './names.ts';
import { outputNames } from './output-names.ts';
import type { Tree } from './parser.ts';
import { lazyRelation, renamed } from './relation.ts';
import { type Relation, Scope } from './scope.ts';

/** The scopes of one SELECT. */
export interface SelectScopes {
  /** For the queries of WITH, in their order. */
  readonly commonTables: readonly Scope[];
  /** WITH and what lies around: all that a sub-query in FROM sees without LATERAL. */
  readonly outside: Scope;
  /** For the items in FROM. */
  readonly from: Scope;
  /** For everything else. */
  readonly inside: Scope;
}

/** Works out what names mean in each query of a statement. It checks nothing but the tables whose columns are asked for. */
export class ScopeBuilder {
  private readonly catalogued: CataloguedTables;
  private readonly known = new Map<Tree, SelectScopes>();

  constructor(catalogued: CataloguedTables) {
    this.catalogued = catalogued;
  }

  /** @param outer what lies around the query; the same whenever the query is asked for */
  scopesOf(select: Tree, outer: Scope): SelectScopes {
    const known = this.known.get(select);
    if (known) return known;
    const { outside, commonTables } = this.withScopes(select.withClause as Tree | undefined, outer);
    const inside = new Scope(outside);
    const scopes = { commonTables, outside, inside, from: new Scope(outside, inside) };
    this.known.set(select, scopes);
    for (const item of (select.fromClause ?? []) as unknown[]) this.addItem(item, scopes, true);
    return scopes;
  }

  private withScopes(clause: Tree | undefined, outer: Scope): Pick<SelectScopes, 'commonTables' | 'outside'> {
    const tables = ((clause?.ctes ?? []) as unknown[]).map((each) => unwrap(each)[1]);
    if (clause?.recursive) {
      // Each sees all, itself included.
      const outside = new Scope(outer);
      for (const table of tables) outside.addCommonTable(String(table.ctename), this.commonTable(table, outside));
      return { commonTables: tables.map(() => outside), outside };
    }
    const commonTables: Scope[] = [];
    let outside = new Scope(outer);
    for (const table of tables) {
      commonTables.push(outside);
      const next = new Scope(outside);
      next.addCommonTable(String(table.ctename), this.commonTable(table, outside));
      outside = next;
    }
    return { commonTables, outside };
  }

  private commonTable(table: Tree, scope: Scope): Relation {
    const search = table.search_clause as Tree | undefined;
    const cycle = table.cycle_clause as Tree | undefined;
    const added = [search?.search_seq_column, cycle?.cycle_mark_column, cycle?.cycle_path_column];
    return lazyRelation(() => {
      const own = renamed(this.outputOf(table.ctequery, scope), textsOf(table.aliascolnames));
      return new Set([...own, ...added.filter((name) => typeof name === 'string')]);
    });
  }

  /** @param query a wrapped node */
  private outputOf(query: unknown, outer: Scope): Set<string> {
    const [type, select] = unwrap(query);
    return type === 'SelectStmt' ? outputNames(select, outer, this) : new Set();
  }

  private addItem(item: unknown, scopes: SelectScopes, certain: boolean): void {
    const [type, node] = unwrap(item);
    const alias = node.alias as Tree | undefined;
    const name = typeof alias?.aliasname === 'string' ? alias.aliasname : '';
    const add = (called: string, columns: () => ReadonlySet<string>) => {
      const relation = lazyRelation(() => renamed(columns(), textsOf(alias?.colnames)));
      scopes.inside.addRelation(called, relation, certain);
    };
    if (type === 'RangeVar') add(name || String(node.relname), () => this.columnsOf(node, scopes.outside));
    else if (type === 'RangeFunction') add(name || functionNames(node)[0] || '', () => functionColumns(node, name));
    else if (type === 'RangeSubselect') {
      add(name, () => this.outputOf(node.subquery, node.lateral ? scopes.from : scopes.outside));
    } else if (type === 'JoinExpr') this.addJoin(node, name, scopes, certain);
  }

  private addJoin(node: Tree, name: string, scopes: SelectScopes, certain: boolean): void {
    // The alias of a join hides what is joined.
    for (const side of [node.larg, node.rarg]) this.addItem(side, scopes, certain && name === '');
    const using = (node.join_using_alias as Tree | undefined)?.aliasname;
    const merged = new Set(textsOf(node.usingClause));
    if (typeof using === 'string') scopes.inside.addRelation(using, { columns: () => merged }, certain);
    if (name === '') return;
    const names = textsOf((node.alias as Tree).colnames);
    const sides = new ScopeBuilder(this.catalogued).joined(node, scopes);
    scopes.inside.addRelation(
      name,
      lazyRelation(() => renamed(sides.ownColumns(), names)),
      certain,
    );
  }

  /** The columns of a join alone. */
  private joined(node: Tree, scopes: SelectScopes): Scope {
    const inside = new Scope(scopes.outside);
    for (const side of [node.larg, node.rarg]) this.addItem(side, { ...scopes, inside }, true);
    return inside;
  }

  private columnsOf(table: Tree, scope: Scope): ReadonlySet<string> {
    const common = table.schemaname ? undefined : scope.commonTable(String(table.relname));
    return common?.columns() ?? this.catalogued.find(table).columns;
  }
}

function functionNames(node: Tree): string[] {
  const calls = ((node.functions ?? []) as unknown[]).map(
    (list) => (unwrap(list)[1].items as unknown[] | undefined)?.[0],
  );
  return calls.flatMap((call) => textsOf(unwrap(call)[1].funcname).slice(-1));
}

/** A function that gives one column gives it its alias' name, or its own. */
function functionColumns(node: Tree, alias: string): ReadonlySet<string> {
  const lists = ((node.functions ?? []) as unknown[]).flatMap((list) => (unwrap(list)[1].items ?? []) as unknown[]);
  const defined = [
    ...lists.flatMap((item) => (unwrap(item)[1].items ?? []) as unknown[]),
    ...((node.coldeflist ?? []) as unknown[]),
  ];
  const columns = defined.map((column) => String(unwrap(column)[1].colname ?? ''));
  return new Set([...columns, ...functionNames(node), ...outputColumns, ...(alias ? [alias] : [])]);
}
