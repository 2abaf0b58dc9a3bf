import { stem, wordsOf } from '../embedding/words.ts';
import { type ReadTable, readTables } from './read-schema.ts';

/** Writes SQL for simple questions, by their words alone: count, list, sum, average, least, most, groups, the first n, one filter, one join. */
export function writeSql(prompt: string, question: string): string {
  const tables = readTables(prompt);
  const written = tables.length === 0 ? undefined : new Writer(tables, question).write();
  if (!written) return 'Cannot answer: the question is not of the simple kind that the offline model can put into SQL.';
  const assumptions = written.assumptions.map((each) => `Assumption: ${each}`);
  return [`\`\`\`sql\n${written.sql}\n\`\`\``, ...assumptions].join('\n');
}

interface Written {
  readonly sql: string;
  readonly assumptions: readonly string[];
}
type Column = ReadTable['columns'][number];
interface Found {
  readonly table: ReadTable;
  readonly column: Column;
}
/** What is computed: `count`, or an aggregate over a column or a product of two. */
interface Measure {
  readonly sql: string;
  readonly name: string;
  readonly table: ReadTable;
}

const numeric = /^(smallint|integer|bigint|numeric|real|double|decimal|money)/;
const dated = /^(date|timestamp)/;
const counting = /\bhow many\b|\bnumber of\b|\bcount\b/i;
const ranking = /\b(most|top|best|largest|highest|biggest|fewest|least|lowest|smallest|cheapest|most expensive)\b/i;
const fewest = /\b(fewest|least|lowest|smallest|cheapest)\b/i;
const months = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const mostListed = 20;

class Writer {
  private readonly tables: readonly ReadTable[];
  private readonly question: string;
  private readonly words: readonly string[];
  private readonly assumptions: string[] = [];
  private readonly joined: ReadTable[] = [];
  private readonly joins: string[] = [];

  constructor(tables: readonly ReadTable[], question: string) {
    this.tables = tables;
    this.question = question;
    this.words = wordsOf(question).map(stem);
  }

  write(): Written | undefined {
    const subject = this.subject();
    if (!subject) return undefined;
    const measure = this.measure(subject);
    const group = this.group(measure?.table ?? subject);
    if (!measure) return this.list(subject);
    this.joined.push(measure.table);
    if (group && !this.reach(group.table)) return undefined;
    const filters = this.filters();
    if (!filters) return undefined;
    const dimension = group && { sql: this.named(group), name: label(group.column) };
    const limit = this.limit(dimension !== undefined);
    const lines = [
      `SELECT ${dimension ? `${dimension.sql} AS ${dimension.name}, ` : ''}${measure.sql} AS ${measure.name}`,
      `FROM ${measure.table.name}`,
      ...this.joins,
      ...(filters.length > 0 ? [`WHERE ${filters.join(' AND ')}`] : []),
      ...(dimension
        ? [
            `GROUP BY ${dimension.sql}`,
            `ORDER BY ${measure.name} ${fewest.test(this.question) ? 'ASC' : 'DESC'}, ${dimension.sql}`,
          ]
        : []),
      ...(limit === undefined ? [] : [`LIMIT ${limit}`]),
    ];
    return { sql: lines.join('\n'), assumptions: this.assumptions };
  }

  /** The table that the question names first; else the one that shares most of its words. */
  private subject(): ReadTable | undefined {
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

  private placeOf({ plainName }: ReadTable): number {
    const parts = wordsOf(plainName.replaceAll('_', ' ')).map(stem);
    const places = parts.map((part) => this.words.indexOf(part));
    return places.length > 0 && places.every((place) => place >= 0) ? Math.min(...places) : -1;
  }

  private share(text: string): number {
    const stems = new Set(wordsOf(text.replaceAll('_', ' ')).map(stem));
    return this.words.filter((word) => stems.has(word)).length;
  }

  private measure(subject: ReadTable): Measure | undefined {
    const aggregate = this.aggregate();
    if (aggregate && !counting.test(this.question)) {
      const column = this.measured(subject);
      if (column)
        return {
          sql: `${aggregate.sql}(${column.sql})`,
          name: `${aggregate.name}_${column.name}`,
          table: column.table,
        };
      if (aggregate.name !== 'total') return undefined;
    }
    if (
      !counting.test(this.question) &&
      !aggregate &&
      !ranking.test(this.question) &&
      !/\b(per|by|each)\b/i.test(this.question)
    )
      return undefined;
    // "Which city has the most customers": what is counted is the table that is named.
    return { sql: 'count(*)', name: `${subject.plainName.replace(/\W+/g, '_')}_count`, table: subject };
  }

  private aggregate(): { sql: string; name: string } | undefined {
    if (/\b(average|avg|mean)\b/i.test(this.question)) return { sql: 'avg', name: 'average' };
    if (/\b(revenue|turnover|sales|spent|total|sum|earn(?:ed|ings)?|income|worth)\b/i.test(this.question))
      return { sql: 'sum', name: 'total' };
    if (counting.test(this.question)) return undefined;
    if (
      /\b(cheapest|lowest|minimum|smallest|least expensive|earliest|first)\b/i.test(this.question) &&
      /^what\b/i.test(this.question)
    )
      return { sql: 'min', name: 'least' };
    if (
      /\b(most expensive|highest|maximum|largest|latest|last)\b/i.test(this.question) &&
      /^what\b/i.test(this.question)
    )
      return { sql: 'max', name: 'greatest' };
    return undefined;
  }

  /** What people paid is a quantity times its price where a table has both; else the number that the question names. */
  private measured(subject: ReadTable): { sql: string; name: string; table: ReadTable } | undefined {
    const wantsMoney = /\b(revenue|turnover|sales|spent|earn(?:ed|ings)?|income)\b/i.test(this.question);
    if (wantsMoney) {
      for (const table of this.tables) {
        const quantity = table.columns.find(
          ({ name, type }) => /quantity|amount_of|units/.test(name) && numeric.test(type),
        );
        const price = table.columns.find(({ name, type }) => /price/.test(name) && numeric.test(type));
        if (!quantity || !price) continue;
        this.assumptions.push(
          `Revenue is ${quantity.name} times ${price.name} of ${table.plainName}, whatever became of the order.`,
        );
        return { sql: `${table.name}.${quantity.sql} * ${table.name}.${price.sql}`, name: 'revenue', table };
      }
    }
    const found = this.namedColumn(subject, ({ type }) => numeric.test(type) || dated.test(type));
    return found && { sql: this.named(found), name: label(found.column), table: found.table };
  }

  /** A column that the question names, of the subject before all others. */
  private namedColumn(subject: ReadTable, fits: (column: Column) => boolean): Found | undefined {
    const all = [subject, ...this.tables.filter((table) => table !== subject)].flatMap((table) =>
      table.columns.filter((column) => fits(column) && !this.isKey(table, column)).map((column) => ({ table, column })),
    );
    const shares = all.map((found) => ({ found, share: this.share(found.column.name) }));
    const [best] = shares.toSorted((one, other) => other.share - one.share);
    return best && best.share > 0 ? best.found : undefined;
  }

  private isKey({ keys, foreign }: ReadTable, { name }: Column): boolean {
    return keys.includes(name) || foreign.some(({ columns }) => columns.includes(name));
  }

  /** What stands behind "per", "by" and "each", or what "which" asks for. */
  private group(subject: ReadTable): Found | undefined {
    const after =
      /\b(?:per|by each|for each|each|in each|by)\s+(?:\w+\s+)?([\p{L}_]+)/iu.exec(this.question)?.[1] ??
      (ranking.test(this.question) || counting.test(this.question) || this.aggregate()
        ? /\b(?:which|what)\s+(?:\w+\s+)?([\p{L}_]+)\s+(?:has|have|had|is|are|was|were|bought|sold|spent|brought|made|earned|placed)\b/iu.exec(
            this.question,
          )?.[1]
        : undefined);
    if (!after) return /\btop \d+\b/i.test(this.question) ? this.nameOf(subject) : undefined;
    const word = stem(after.toLowerCase());
    for (const table of [subject, ...this.tables]) {
      const column = table.columns.find(
        ({ name, type }) =>
          !dated.test(type) &&
          wordsOf(name.replaceAll('_', ' ')).map(stem).includes(word) &&
          !this.isKey(table, { name, type } as Column),
      );
      if (column) return { table, column };
    }
    const table = this.tables.find(({ plainName }) => wordsOf(plainName.replaceAll('_', ' ')).map(stem).includes(word));
    return table && this.nameOf(table);
  }

  private nameOf(table: ReadTable): Found | undefined {
    const column =
      table.columns.find(({ name }) => /^(name|title|label)$/.test(name)) ??
      table.columns.find(({ name }) => /name|title/.test(name));
    return column && { table, column };
  }

  private named({ table, column }: Found): string {
    return `${table.name}.${column.sql}`;
  }

  /** Joins what leads to a table along foreign keys, one step or two. */
  private reach(target: ReadTable): boolean {
    if (this.joined.includes(target)) return true;
    const path = this.pathTo(target);
    if (!path) return false;
    for (const { table, on } of path) {
      this.joined.push(table);
      this.joins.push(`JOIN ${table.name} ON ${on}`);
    }
    return true;
  }

  private pathTo(target: ReadTable): { table: ReadTable; on: string }[] | undefined {
    const open: { at: ReadTable; path: { table: ReadTable; on: string }[] }[] = this.joined.map((at) => ({
      at,
      path: [],
    }));
    const seen = new Set(this.joined);
    for (let step = open.shift(); step; step = open.shift()) {
      if (step.at === target) return step.path;
      if (step.path.length === 3) continue;
      for (const table of this.tables) {
        const on = seen.has(table) ? undefined : this.link(step.at, table);
        if (!on) continue;
        seen.add(table);
        open.push({ at: table, path: [...step.path, { table, on }] });
      }
    }
    return undefined;
  }

  private link(from: ReadTable, to: ReadTable): string | undefined {
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      const key = one.foreign.find(({ table }) => table === other.name);
      if (key)
        return key.columns.map((column, i) => `${one.name}.${column} = ${other.name}.${key.to[i]}`).join(' AND ');
    }
    return undefined;
  }

  /** Values that are listed in the schema and stand in the question, and a month or a year. Undefined where a table cannot be reached. */
  private filters(): string[] | undefined {
    const filters: string[] = [];
    const said = ` ${wordsOf(this.question).map(stem).join(' ')} `;
    for (const table of this.tables)
      for (const column of table.columns) {
        const value = column.values.find(
          (each) => said.includes(` ${wordsOf(each).map(stem).join(' ')} `) && wordsOf(each).length > 0,
        );
        if (value === undefined) continue;
        if (!this.reach(table)) return undefined;
        filters.push(`${table.name}.${column.sql} = '${value.replaceAll("'", "''")}'`);
      }
    const period = this.period();
    if (!period) return filters;
    const holder = [...this.joined, ...this.tables].find(({ columns }) => columns.some(({ type }) => dated.test(type)));
    const column = holder?.columns.find(({ type }) => dated.test(type));
    if (!holder || !column || !this.reach(holder)) return undefined;
    const name = `${holder.name}.${column.sql}`;
    this.assumptions.push(`The time is that of ${column.name}.`);
    return [...filters, `${name} >= date '${period.from}' AND ${name} < date '${period.to}'`];
  }

  private period(): { from: string; to: string } | undefined {
    const year = /\b(19|20)\d\d\b/.exec(this.question)?.[0];
    const month = months.findIndex((name) => new RegExp(`\\b${name}\\b`, 'i').test(this.question));
    if (month >= 0 && year) return { from: day(Number(year), month), to: day(Number(year), month + 1) };
    if (year) return { from: day(Number(year), 0), to: day(Number(year) + 1, 0) };
    return undefined;
  }

  private limit(isGrouped: boolean): number | undefined {
    const top = /\btop (\d{1,3})\b|\b(\d{1,3}) (?:best|largest|biggest|most|highest)\b/i.exec(this.question);
    if (top) return Number(top[1] ?? top[2]);
    if (!isGrouped) return undefined;
    return ranking.test(this.question) && /^(which|what|who)\b/i.test(this.question) ? 1 : undefined;
  }

  private list(subject: ReadTable): Written | undefined {
    if (!/^(list|show|give|name|which|what are)\b/i.test(this.question)) return undefined;
    this.joined.push(subject);
    const filters = this.filters();
    if (!filters) return undefined;
    const columns = subject.columns.slice(0, 8).map(({ sql }) => `${subject.name}.${sql}`);
    const lines = [
      `SELECT ${columns.join(', ')}`,
      `FROM ${subject.name}`,
      ...this.joins,
      ...(filters.length > 0 ? [`WHERE ${filters.join(' AND ')}`] : []),
      `LIMIT ${this.limit(false) ?? mostListed}`,
    ];
    return { sql: lines.join('\n'), assumptions: this.assumptions };
  }
}

const label = ({ name }: Column): string => name.replace(/\W+/g, '_');

function day(year: number, month: number): string {
  return new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 10);
}
