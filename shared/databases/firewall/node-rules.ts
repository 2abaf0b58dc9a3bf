import { allowedFunctions, outputColumns } from './allowed-functions.ts';
import { allowedOperators } from './allowed-operators.ts';
import { allowedTypes } from './allowed-types.ts';
import type { CataloguedTables, CataloguedType } from './catalogued-tables.ts';
import { checkBounds, Repetitions } from './constant-bounds.ts';
import { builtInName, textsOf, unwrap } from './names.ts';
import type { Tree } from './parser.ts';
import { Refusal, shown } from './refusal.ts';
import type { Relation, Scope } from './scope.ts';

/** A table named without its schema: the byte position of its name, and the schema it resolves to. */
export interface UnqualifiedTable {
  readonly location: number;
  readonly schema: string;
}

/** The names that a statement uses. */
export interface UsedNames {
  readonly tables: { readonly schema: string; readonly name: string }[];
  readonly functions: Set<string>;
  readonly operators: Set<string>;
  /** Defined by the database itself. */
  readonly types: CataloguedType[];
  readonly unqualified: UnqualifiedTable[];
}

const systemColumns = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

/** Days and times; not who is connected, and where. */
const allowedValues = /^SVFOP_(CURRENT_(DATE|TIME|TIMESTAMP)|LOCALTIME|LOCALTIMESTAMP)(_N)?$/;

/** Rules for single nodes, besides being allowed at all. */
export class NodeRules {
  readonly used: UsedNames = { tables: [], functions: new Set(), operators: new Set(), types: [], unqualified: [] };
  private readonly catalogued: CataloguedTables;
  private readonly repetitions = new Repetitions();

  constructor(catalogued: CataloguedTables) {
    this.catalogued = catalogued;
  }

  /** @throws Refusal */
  check(type: string, node: Tree, scope: Scope): void {
    const rule = this.rules[type];
    if (rule) rule(node, scope);
  }

  private readonly rules: Readonly<Record<string, (node: Tree, scope: Scope) => void>> = {
    RangeVar: (node, scope) => this.checkTable(node, scope),
    RangeFunction: checkRangeFunction,
    FuncCall: (node) => this.checkFunction(node),
    A_Expr: (node) => this.checkOperator(node.name),
    SubLink: (node) => this.checkOperator(node.operName ?? []),
    SortBy: (node) => this.checkOperator(node.useOp ?? []),
    TypeName: (node) => this.checkType(textsOf(node.names)),
    ColumnRef: (node, scope) => this.checkColumn(textsOf(node.fields), scope),
    A_Indirection: (node, scope) => this.checkIndirection(node, scope),
    CollateClause: (node) => {
      builtInName('collation', textsOf(node.collname));
    },
    SQLValueFunction: (node) => checkValue(String(node.op)),
  };

  private checkTable(node: Tree, scope: Scope): void {
    if (!node.schemaname && !node.catalogname && scope.commonTable(String(node.relname))) return;
    const { schema, name } = this.catalogued.find(node);
    const { tables, unqualified } = this.used;
    if (!tables.some((table) => table.schema === schema && table.name === name)) tables.push({ schema, name });
    if (!node.schemaname) unqualified.push({ location: Number(node.location ?? 0), schema });
  }

  private checkFunction(node: Tree): void {
    const name = builtInName('function', textsOf(node.funcname));
    if (!allowedFunctions.has(name)) {
      throw new Refusal('function', `The function ${shown(name)} is not among those that may be called.`);
    }
    this.used.functions.add(name);
    checkBounds(name, (node.args ?? []) as unknown[], this.repetitions);
  }

  private checkOperator(parts: unknown): void {
    const texts = textsOf(parts);
    if (texts.length === 0) return;
    const name = builtInName('operator', texts);
    if (!allowedOperators.has(name)) {
      throw new Refusal('operator', `The operator ${shown(name)} is not among those that may be used.`);
    }
    this.used.operators.add(name);
  }

  private checkType(parts: readonly string[]): void {
    const own = this.catalogued.findType(parts);
    if (own) {
      this.used.types.push(own);
      return;
    }
    const name = builtInName('type', parts);
    if (allowedTypes.has(name)) return;
    throw new Refusal('type', `The type ${shown(name)} is not among those that values may be cast to.`);
  }

  private checkColumn(fields: readonly string[], scope: Scope): void {
    const name = fields.at(-1) ?? '';
    if (systemColumns.has(name)) {
      throw new Refusal('column', `${shown(name)} is a column of the system; only a table's own columns can be read.`);
    }
    if (fields.length === 1) return;
    checkAttribute(fields, this.relationsBefore(fields, scope));
  }

  /** Where the last name is looked up. */
  private relationsBefore(fields: readonly string[], scope: Scope): readonly Relation[] {
    if (fields.length === 2) return scope.relationsNamed(fields[0] ?? '');
    if (fields.length > 3) throw new Refusal('column', `Write ${shown(fields.join('.'))} as table.column.`);
    const { columns } = this.catalogued.find({ schemaname: fields[0], relname: fields[1] });
    return [{ columns: () => columns }];
  }

  /** `(row).name` calls the function `name` where the row has no such column. */
  private checkIndirection(node: Tree, scope: Scope): void {
    const [type, arg] = unwrap(node.arg);
    const fields = type === 'ColumnRef' ? textsOf(arg.fields) : [];
    for (const name of textsOf(node.indirection)) {
      if (name === '' || name === '*') continue;
      const relations = fields.length === 1 ? scope.relationsNamed(fields[0] ?? '') : [];
      if (relations.length > 0) checkAttribute([...fields, name], relations);
      else if (type !== 'FuncCall' || !outputColumns.has(name)) {
        throw new Refusal('attribute', `${shown(`(…).${name}`)} may call a function; write columns as table.column.`);
      }
    }
  }
}

/** A column that no relation has would be looked for among the functions that take its row. */
function checkAttribute(fields: readonly string[], relations: readonly Relation[]): void {
  const name = fields.at(-1) ?? '';
  if (relations.length === 0) {
    throw new Refusal('column', `There is no table or alias before the last dot of ${shown(fields.join('.'))} here.`);
  }
  if (name === '*' || relations.every(({ columns }) => columns().has(name))) return;
  throw new Refusal(
    'attribute',
    `${shown(fields.join('.'))} is no known column, and would call a function of that name.`,
  );
}

function checkValue(op: string): void {
  if (allowedValues.test(op)) return;
  const name = op.replace('SVFOP_', '').toLowerCase();
  throw new Refusal('function', `The function ${shown(name)} is not among those that may be called.`);
}

/** Only calls: what else the grammar takes for a function in FROM has no name that could be checked. */
function checkRangeFunction(node: Tree): void {
  for (const list of (node.functions ?? []) as unknown[]) {
    const [type] = unwrap(((unwrap(list)[1].items ?? []) as unknown[])[0]);
    if (type !== 'FuncCall') throw new Refusal('node', `${shown(type)} cannot stand in FROM.`);
  }
}
