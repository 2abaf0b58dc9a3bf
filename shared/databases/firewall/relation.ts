import type { Relation } from './scope.ts';

/** A relation whose columns are computed on demand; one that would depend on itself has none. */
export function lazyRelation(work: () => ReadonlySet<string>): Relation {
  let columns: ReadonlySet<string> | undefined;
  return {
    columns() {
      if (columns) return columns;
      columns = new Set();
      columns = work();
      return columns;
    },
  };
}

/** With a list of column names in its alias, which replaces as many names as it has; the others may stay as they are. */
export function renamed(columns: ReadonlySet<string>, names: readonly string[]): ReadonlySet<string> {
  if (names.length === 0) return columns;
  const left = [...columns].slice(names.length);
  return new Set([...names, ...left]);
}
