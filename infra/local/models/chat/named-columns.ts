import { stem, wordsOf } from '../embedding/words.ts';
import type { ReadTable } from './read-schema.ts';

export type Column = ReadTable['columns'][number];

export interface FoundColumn {
  readonly table: ReadTable;
  readonly column: Column;
}

const stemsOf = (name: string): readonly string[] => wordsOf(name.replaceAll('_', ' ')).map(stem);

/** What of a schema the words of a question name. */
export class NamedColumns {
  private readonly tables: readonly ReadTable[];
  private readonly words: readonly string[];

  constructor(tables: readonly ReadTable[], question: string) {
    this.tables = tables;
    this.words = wordsOf(question).map(stem);
  }

  /** The table that the question names first; else the one that shares most of its words. */
  subject(): ReadTable | undefined {
    const named = this.tables
      .map((table) => ({ table, at: this.placeOf(table) }))
      .filter(({ at }) => at >= 0)
      .toSorted((one, other) => one.at - other.at);
    if (named[0]) return named[0].table;
    const shared = this.tables
      .map((table) => ({ table, share: this.share([table.about, ...table.columns.map(({ name }) => name)].join(' ')) }))
      .toSorted((one, other) => other.share - one.share);
    return shared[0] && shared[0].share > 0 ? shared[0].table : undefined;
  }

  /** A column that the question names, of the subject before all others. */
  best(subject: ReadTable, fits: (column: Column) => boolean): FoundColumn | undefined {
    const all = [subject, ...this.tables.filter((table) => table !== subject)].flatMap((table) =>
      table.columns.filter((column) => fits(column) && !isKey(table, column)).map((column) => ({ table, column })),
    );
    const shares = all.map((found) => ({ found, share: this.share(found.column.name) }));
    const [first] = shares.toSorted((one, other) => other.share - one.share);
    return first && first.share > 0 ? first.found : undefined;
  }

  /** The column that is called so, of the subject first; else what rows of the table that is called so are called by. */
  called(subject: ReadTable, name: string, fits: (column: Column) => boolean): FoundColumn | undefined {
    const word = stem(name.toLowerCase());
    for (const table of [subject, ...this.tables]) {
      const column = table.columns.find(
        (each) => fits(each) && stemsOf(each.name).includes(word) && !isKey(table, each),
      );
      if (column) return { table, column };
    }
    const table = this.tables.find(({ plainName }) => stemsOf(plainName).includes(word));
    return table && nameColumnOf(table);
  }

  private placeOf({ plainName }: ReadTable): number {
    const places = stemsOf(plainName).map((part) => this.words.indexOf(part));
    return places.length > 0 && places.every((place) => place >= 0) ? Math.min(...places) : -1;
  }

  private share(text: string): number {
    const stems = new Set(stemsOf(text));
    return this.words.filter((word) => stems.has(word)).length;
  }
}

function isKey({ keys, foreign }: ReadTable, { name }: Column): boolean {
  return keys.includes(name) || foreign.some(({ columns }) => columns.includes(name));
}

/** By which people tell the rows of a table apart. */
export function nameColumnOf(table: ReadTable): FoundColumn | undefined {
  const column =
    table.columns.find(({ name }) => /^(name|title|label)$/.test(name)) ??
    table.columns.find(({ name }) => /name|title/.test(name));
  return column && { table, column };
}
