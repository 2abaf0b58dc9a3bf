import type { CataloguedTables } from './catalogued-tables.ts';
import { unwrap } from './names.ts';
import { NodeRules, type UsedNames } from './node-rules.ts';
import { type MemberShape, nodeShapes } from './node-shapes.ts';
import type { Tree } from './parser.ts';
import { type FirewallRule, Refusal, shown } from './refusal.ts';
import { Scope } from './scope.ts';
import { ScopeBuilder } from './select-scopes.ts';

/** Nested nodes, not parentheses: a long condition is one node, a long sum is one a term. */
const deepestNesting = 200;

/**
 * Visits every node of one statement and every member of each, lists in lists included. Nothing is allowed because nobody
 * thought of it.
 *
 * @param statement the wrapped node of one statement
 * @returns the names that it uses
 * @throws Refusal
 */
export function walk(statement: Tree, catalogued: CataloguedTables): UsedNames {
  const [type, node] = unwrap(statement);
  if (type !== 'SelectStmt') {
    throw new Refusal('select_only', `Only a SELECT can be run, no ${shown(type.replace(/Stmt$/, ''))} statement.`);
  }
  const walker = new Walker(catalogued);
  walker.visit(type, node, new Scope(null));
  return walker.rules.used;
}

class Walker {
  readonly rules: NodeRules;
  private readonly scopes: ScopeBuilder;
  private depth = 0;

  constructor(catalogued: CataloguedTables) {
    this.rules = new NodeRules(catalogued);
    this.scopes = new ScopeBuilder(catalogued);
  }

  visit(type: string, node: Tree, scope: Scope): void {
    if (!Object.hasOwn(nodeShapes, type)) throw refusedNode(type);
    this.depth += 1;
    if (this.depth > deepestNesting) throw tooDeep();
    this.rules.check(type, node, scope);
    if (type === 'SelectStmt') this.visitSelect(node, scope);
    else this.visitMembers(type, node, () => scope);
    this.depth -= 1;
  }

  private visitSelect(node: Tree, outer: Scope): void {
    const { commonTables, outside, from, inside } = this.scopes.scopesOf(node, outer);
    const clause = (node.withClause ?? {}) as Tree;
    for (const [at, table] of ((clause.ctes ?? []) as unknown[]).entries()) {
      this.visitNodes(table, commonTables[at] ?? outer);
    }
    for (const item of (node.fromClause ?? []) as unknown[]) this.visitFrom(item, { from, outside });
    this.visitMembers('WithClause', { ...clause, ctes: [] }, () => outer);
    this.visitMembers('SelectStmt', { ...node, withClause: {}, fromClause: [] }, () => inside);
  }

  /** A sub-query in FROM sees its neighbours only if it is LATERAL. */
  private visitFrom(item: unknown, scopes: { readonly from: Scope; readonly outside: Scope }): void {
    const [type, node] = unwrap(item);
    if (type === 'RangeSubselect' && !node.lateral) {
      this.visitNodes(node.subquery, scopes.outside);
      this.visitMembers(type, { ...node, subquery: [] }, () => scopes.from);
    } else if (type === 'JoinExpr') {
      this.depth += 1;
      if (this.depth > deepestNesting) throw tooDeep();
      for (const side of [node.larg, node.rarg]) this.visitFrom(side, scopes);
      this.depth -= 1;
      this.visitMembers(type, { ...node, larg: [], rarg: [] }, () => scopes.from);
    } else this.visitNodes(item, scopes.from);
  }

  private visitMembers(type: string, node: Tree, scopeOf: (member: string) => Scope): void {
    const shapes = nodeShapes[type] ?? {};
    for (const [member, value] of Object.entries(node)) {
      if (member === 'location') continue;
      const shape = Object.hasOwn(shapes, member) ? shapes[member] : undefined;
      if (shape === undefined) throw refusedMember(type, member);
      this.visitMember(shape, value, scopeOf(member));
    }
  }

  private visitMember(shape: MemberShape, value: unknown, scope: Scope): void {
    if (shape === 'value' || shape === 'names') return;
    if (shape === 'nodes') this.visitNodes(value, scope);
    else this.visit(shape.of, value as Tree, scope);
  }

  private visitNodes(value: unknown, scope: Scope): void {
    if (Array.isArray(value)) {
      for (const each of value) this.visitNodes(each, scope);
      return;
    }
    const types = Object.keys(value as Tree);
    // Empty in the grammar: DISTINCT without ON, a function in FROM without definitions of its columns.
    if (types.length === 0) return;
    if (types.length > 1) throw refusedNode(types.join(', '));
    const [type, node] = unwrap(value);
    this.visit(type, node, scope);
  }
}

const reasons: Readonly<Record<string, readonly [FirewallRule, string]>> = {
  ParamRef: ['parameter', 'Write values into the statement: it is run without parameters.'],
  'SelectStmt.intoClause': ['into', 'SELECT INTO makes a table; leave INTO out.'],
  'SelectStmt.lockingClause': ['locking', 'FOR UPDATE and FOR SHARE lock rows; leave them out.'],
  'TypeName.setof': ['type', 'SETOF is no type of a value.'],
  'TypeName.pct_type': ['type', 'Write the type itself instead of %TYPE.'],
};

function tooDeep(): Refusal {
  return new Refusal('depth', `The statement is nested deeper than ${deepestNesting} levels; write it in fewer.`);
}

function refusedNode(type: string): Refusal {
  const [rule, detail] = reasons[type] ?? [];
  if (rule && detail) return new Refusal(rule, detail);
  if (/Stmt$/.test(type)) {
    return new Refusal('select_only', `Only SELECT may stand in a statement, not ${shown(type.replace(/Stmt$/, ''))}.`);
  }
  return new Refusal('node', `${shown(type)} is not among what a statement may be made of.`);
}

function refusedMember(type: string, member: string): Refusal {
  const [rule, detail] = reasons[`${type}.${member}`] ?? [];
  return rule && detail ? new Refusal(rule, detail) : refusedNode(`${type}.${member}`);
}
