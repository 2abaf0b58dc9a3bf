import { stem, wordsOf } from '../embedding/words.ts';
import { askedPeriod } from './asked-period.ts';
import { type Column, type FoundColumn, NamedColumns, nameColumnOf } from './named-columns.ts';
import { type ReadTable, readTables } from './read-schema.ts';
import { TableJoins } from './table-joins.ts';

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
const mostListed = 20;

class Writer {
  private readonly tables: readonly ReadTable[];
  private readonly question: string;
  private readonly columns: NamedColumns;
  private readonly joins: TableJoins;
  private readonly assumptions: string[] = [];

  constructor(tables: readonly ReadTable[], question: string) {
    this.tables = tables;
    this.question = question;
    this.columns = new NamedColumns(tables, question);
    this.joins = new TableJoins(tables);
  }

  write(): Written | undefined {
    const subject = this.columns.subject();
    if (!subject) return undefined;
    const measure = this.measure(subject);
    const group = this.group(measure?.table ?? subject);
    if (!measure) return this.list(subject);
    this.joins.begin(measure.table);
    if (group && !this.joins.reach(group.table)) return undefined;
    const filters = this.filters();
    if (!filters) return undefined;
    const dimension = group && { sql: named(group), name: label(group.column) };
    const limit = this.limit(dimension !== undefined);
    const lines = [
      `SELECT ${dimension ? `${dimension.sql} AS ${dimension.name}, ` : ''}${measure.sql} AS ${measure.name}`,
      `FROM ${measure.table.name}`,
      ...this.joins.joins,
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
    const found = this.columns.best(subject, ({ type }) => numeric.test(type) || dated.test(type));
    return found && { sql: named(found), name: label(found.column), table: found.table };
  }

  /** What stands behind "per", "by" and "each", or what "which" asks for. */
  private group(subject: ReadTable): FoundColumn | undefined {
    const after =
      /\b(?:per|by each|for each|each|in each|by)\s+(?:\w+\s+)?([\p{L}_]+)/iu.exec(this.question)?.[1] ??
      (ranking.test(this.question) || counting.test(this.question) || this.aggregate()
        ? /\b(?:which|what)\s+(?:\w+\s+)?([\p{L}_]+)\s+(?:has|have|had|is|are|was|were|bought|sold|spent|brought|made|earned|placed)\b/iu.exec(
            this.question,
          )?.[1]
        : undefined);
    if (!after) return /\btop \d+\b/i.test(this.question) ? nameColumnOf(subject) : undefined;
    return this.columns.called(subject, after, ({ type }) => !dated.test(type));
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
        if (!this.joins.reach(table)) return undefined;
        filters.push(`${table.name}.${column.sql} = '${value.replaceAll("'", "''")}'`);
      }
    const period = askedPeriod(this.question);
    if (!period) return filters;
    const holder = [...this.joins.joined, ...this.tables].find(({ columns }) =>
      columns.some(({ type }) => dated.test(type)),
    );
    const column = holder?.columns.find(({ type }) => dated.test(type));
    if (!holder || !column || !this.joins.reach(holder)) return undefined;
    const name = `${holder.name}.${column.sql}`;
    this.assumptions.push(`The time is that of ${column.name}.`);
    return [...filters, `${name} >= date '${period.from}' AND ${name} < date '${period.to}'`];
  }

  private limit(isGrouped: boolean): number | undefined {
    const top = /\btop (\d{1,3})\b|\b(\d{1,3}) (?:best|largest|biggest|most|highest)\b/i.exec(this.question);
    if (top) return Number(top[1] ?? top[2]);
    if (!isGrouped) return undefined;
    return ranking.test(this.question) && /^(which|what|who)\b/i.test(this.question) ? 1 : undefined;
  }

  private list(subject: ReadTable): Written | undefined {
    if (!/^(list|show|give|name|which|what are)\b/i.test(this.question)) return undefined;
    this.joins.begin(subject);
    const filters = this.filters();
    if (!filters) return undefined;
    const columns = subject.columns.slice(0, 8).map(({ sql }) => `${subject.name}.${sql}`);
    const lines = [
      `SELECT ${columns.join(', ')}`,
      `FROM ${subject.name}`,
      ...this.joins.joins,
      ...(filters.length > 0 ? [`WHERE ${filters.join(' AND ')}`] : []),
      `LIMIT ${this.limit(false) ?? mostListed}`,
    ];
    return { sql: lines.join('\n'), assumptions: this.assumptions };
  }
}

const named = ({ table, column }: FoundColumn): string => `${table.name}.${column.sql}`;
const label = ({ name }: Column): string => name.replace(/\W+/g, '_');
