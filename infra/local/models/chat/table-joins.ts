import type { ReadTable } from './read-schema.ts';

/** The tables of one statement, and how they are joined along foreign keys. */
export class TableJoins {
  /** As SQL writes them, in order. */
  readonly joins: string[] = [];
  private readonly tables: readonly ReadTable[];
  private readonly joinedTables: ReadTable[] = [];

  constructor(tables: readonly ReadTable[]) {
    this.tables = tables;
  }

  get joined(): readonly ReadTable[] {
    return this.joinedTables;
  }

  /** The table that the statement selects from. */
  begin(table: ReadTable): void {
    this.joinedTables.push(table);
  }

  /** Joins what leads to a table, up to three steps away. @returns false where nothing does */
  reach(target: ReadTable): boolean {
    if (this.joinedTables.includes(target)) return true;
    const path = this.pathTo(target);
    if (!path) return false;
    for (const { table, on } of path) {
      this.joinedTables.push(table);
      this.joins.push(`JOIN ${table.name} ON ${on}`);
    }
    return true;
  }

  private pathTo(target: ReadTable): Step[] | undefined {
    const open: { at: ReadTable; path: Step[] }[] = this.joinedTables.map((at) => ({ at, path: [] }));
    const seen = new Set(this.joinedTables);
    for (let step = open.shift(); step; step = open.shift()) {
      if (step.at === target) return step.path;
      if (step.path.length === 3) continue;
      for (const table of this.tables) {
        const on = seen.has(table) ? undefined : link(step.at, table);
        if (!on) continue;
        seen.add(table);
        open.push({ at: table, path: [...step.path, { table, on }] });
      }
    }
    return undefined;
  }
}

interface Step {
  readonly table: ReadTable;
  readonly on: string;
}

function link(from: ReadTable, to: ReadTable): string | undefined {
  for (const [one, other] of [
    [from, to],
    [to, from],
  ] as const) {
    const key = one.foreign.find(({ table }) => table === other.name);
    if (key) return key.columns.map((column, i) => `${one.name}.${column} = ${other.name}.${key.to[i]}`).join(' AND ');
  }
  return undefined;
}
