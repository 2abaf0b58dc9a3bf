import { textsOf, unwrap } from './names.ts';
import type { Tree } from './parser.ts';
import type { Scope } from './scope.ts';

/** Gives a query's scopes. */
interface Scopes {
  scopesOf(select: Tree, outer: Scope): { readonly inside: Scope };
}

/**
 * The names that the columns of a query may have, by the rules of Postgres' `FigureColname`; a few more than it would give, never
 * one fewer.
 */
export function outputNames(select: Tree, outer: Scope, scopes: Scopes): Set<string> {
  const { inside } = scopes.scopesOf(select, outer);
  // The columns of a set operation have the names of its first query.
  if (select.larg) return outputNames(select.larg as Tree, inside, scopes);
  const rows = select.valuesLists as unknown[] | undefined;
  if (rows) return new Set(membersOf(rows[0]).map((_, at) => `column${at + 1}`));
  const names = new Set<string>();
  for (const target of (select.targetList ?? []) as unknown[]) {
    const [, { name, val }] = unwrap(target);
    if (typeof name === 'string') names.add(name);
    else for (const each of namesOf(val, inside, scopes)) names.add(each);
  }
  return names;
}

function membersOf(list: unknown): unknown[] {
  const [, { items }] = unwrap(list);
  return Array.isArray(items) ? items : [];
}

const fixedNames: Readonly<Record<string, readonly string[]>> = {
  CoalesceExpr: ['coalesce'],
  MinMaxExpr: ['greatest', 'least'],
  A_ArrayExpr: ['array'],
  RowExpr: ['row'],
  GroupingFunc: ['grouping'],
  A_Expr: ['nullif'],
  SQLValueFunction: ['current_date', 'current_time', 'current_timestamp', 'localtime', 'localtimestamp'],
  JsonObjectConstructor: ['json_object'],
  JsonArrayConstructor: ['json_array'],
  JsonArrayQueryConstructor: ['json_array'],
  JsonObjectAgg: ['json_objectagg'],
  JsonArrayAgg: ['json_arrayagg'],
  JsonParseExpr: ['json'],
  JsonScalarExpr: ['json_scalar'],
  JsonSerializeExpr: ['json_serialize'],
  JsonFuncExpr: ['json_exists', 'json_query', 'json_value'],
};

function namesOf(expression: unknown, inside: Scope, scopes: Scopes): Iterable<string> {
  const [type, node] = unwrap(expression);
  switch (type) {
    case 'ColumnRef': {
      const last = textsOf(node.fields).at(-1) ?? '';
      return last === '*' ? starNames(textsOf(node.fields), inside) : [last];
    }
    case 'FuncCall':
      return textsOf(node.funcname).slice(-1);
    case 'A_Indirection':
      return [
        ...textsOf(node.indirection).filter((name) => name !== '' && name !== '*'),
        ...namesOf(node.arg, inside, scopes),
      ];
    case 'CollateClause':
      return namesOf(node.arg, inside, scopes);
    case 'TypeCast':
      return [...namesOf(node.arg, inside, scopes), ...textsOf((node.typeName as Tree | undefined)?.names).slice(-1)];
    case 'CaseExpr':
      return ['case', ...namesOf(node.defresult, inside, scopes)];
    case 'SubLink':
      return ['exists', 'array', ...outputNames(unwrap(node.subselect)[1], inside, scopes)];
    default:
      return fixedNames[type] ?? [];
  }
}

/** `*` and `alias.*`. */
function starNames(fields: readonly string[], inside: Scope): Iterable<string> {
  if (fields.length === 1) return inside.ownColumns();
  return inside.relationsNamed(fields.at(-2) ?? '').flatMap(({ columns }) => [...columns()]);
}
