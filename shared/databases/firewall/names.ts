import type { Tree } from './parser.ts';
import type { FirewallRule } from './refusal.ts';
import { Refusal, shown } from './refusal.ts';

/** The texts of a list of `String` nodes; `*` for a star. */
export function textsOf(list: unknown): string[] {
  return (Array.isArray(list) ? list : []).map((item: Tree) => {
    if ('A_Star' in item) return '*';
    return String((item.String as Tree | undefined)?.sval ?? '');
  });
}

/**
 * The last part of a name that stands alone or in `pg_catalog`.
 * @throws Refusal by `rule` when it names another schema
 */
export function builtInName(rule: FirewallRule, parts: readonly string[]): string {
  const [first = '', second] = parts;
  if (second === undefined) return first;
  if (parts.length === 2 && first === 'pg_catalog') return second;
  throw new Refusal(rule, `Only what Postgres itself brings may be used, not ${shown(parts.join('.'))}.`);
}

/** The type of a wrapped node, and the node. */
export function unwrap(node: unknown): readonly [type: string, node: Tree] {
  const [entry] = Object.entries((node ?? {}) as Record<string, Tree>);
  return entry ?? ['', {}];
}

const plainIdentifier = /^[a-z_][a-z0-9_]*$/;

/** A name as it can stand in any statement, keywords included. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** As people read it: quoted only where it must be. */
export function showIdentifier(name: string): string {
  return plainIdentifier.test(name) ? name : quoteIdentifier(name);
}
