import { tokensOf } from '../../models/estimate-tokens.ts';
import type { CatalogTable } from '../catalog.ts';

/** A table as a model reads it, and what SQL calls it. */
export type ShownTable = Pick<
  CatalogTable,
  'name' | 'columns' | 'primary_key' | 'foreign_keys' | 'comment' | 'description' | 'row_estimate' | 'samples'
>;

const longestComment = 200;
const longestRow = 400;

/** Levels of detail for a table, from most to least. */
const details = [
  { samples: 3, values: true, comments: true, columns: Number.POSITIVE_INFINITY },
  { samples: 0, values: true, comments: true, columns: 120 },
  { samples: 0, values: false, comments: true, columns: 60 },
  { samples: 0, values: false, comments: false, columns: 30 },
] as const;
type Detail = (typeof details)[number];

/**
 * The tables that fit into a budget of tokens, the first ones first: all of them with as much of each as can be said of all, and if
 * even names and types are too many, as many tables as there is room for.
 * @param tables most wanted first
 */
export function showTables(
  tables: readonly ShownTable[],
  question: string,
  tokenBudget: number,
): { readonly text: string; readonly shown: readonly ShownTable[] } {
  for (const detail of details) {
    const texts = tables.map((table) => showTable(table, question, detail));
    if (texts.reduce((sum, text) => sum + tokensOf(text), 0) <= tokenBudget)
      return { text: texts.join('\n\n'), shown: tables };
  }
  const least = details[details.length - 1] as Detail;
  const kept: { table: ShownTable; text: string }[] = [];
  let left = tokenBudget;
  for (const table of tables) {
    const text = showTable(table, question, least);
    left -= tokensOf(text);
    if (left < 0 && kept.length > 0) break;
    kept.push({ table, text });
  }
  return { text: kept.map(({ text }) => text).join('\n\n'), shown: kept.map(({ table }) => table) };
}

function showTable(table: ShownTable, question: string, detail: Detail): string {
  const columns = chooseColumns(table, question, detail.columns);
  const left = table.columns.length - columns.length;
  const keys = table.foreign_keys.map(
    ({ columns: from, references }) =>
      `foreign key: ${from.map(identifier).join(', ')} -> ${oneLine(references.table)} (${references.columns.map(identifier).join(', ')})`,
  );
  return [
    `table: ${oneLine(table.name)}`,
    ...(detail.comments && table.description ? [`about: ${cut(table.description)}`] : []),
    ...(table.comment ? [`comment: ${cut(table.comment)}`] : []),
    ...(table.row_estimate === null ? [] : [`rows: about ${Math.max(0, Math.round(table.row_estimate))}`]),
    ...(table.primary_key.length > 0 ? [`primary key: ${table.primary_key.map(identifier).join(', ')}`] : []),
    ...keys,
    'columns:',
    ...columns.map((column) => showColumn(column, detail)),
    ...(left > 0 ? [`(and ${left} more columns)`] : []),
    ...(table.samples ?? [])
      .slice(0, detail.samples)
      .map((row) => `row: ${oneLine(JSON.stringify(row)).slice(0, longestRow)}`),
  ].join('\n');
}

function showColumn({ name, type, comment, values }: CatalogTable['columns'][number], detail: Detail): string {
  const said = detail.comments && comment ? ` (${cut(comment)})` : '';
  const few = detail.values && values ? ` values: ${values.map((value) => oneLine(value)).join(', ')}` : '';
  return `- ${identifier(name)} ${type}${said}${few}`;
}

/** Keys and what the question names come before the others; those that are chosen stand in their own order. */
function chooseColumns(table: ShownTable, question: string, most: number): CatalogTable['columns'] {
  if (table.columns.length <= most) return table.columns;
  const keys = new Set([...table.primary_key, ...table.foreign_keys.flatMap(({ columns }) => columns)]);
  const words = wordsOf(question);
  const worth = (name: string) =>
    Number(keys.has(name)) * 2 + wordsOf(name).filter((word) => words.includes(word)).length;
  const chosen = new Set(table.columns.toSorted((one, other) => worth(other.name) - worth(one.name)).slice(0, most));
  return table.columns.filter((column) => chosen.has(column));
}

/** Words in small letters without a plural's s, of a question or of a name such as `orderItems`. */
export function wordsOf(text: string): readonly string[] {
  const words =
    text
      .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return words
    .filter((word) => word.length > 1)
    .map((word) => (word.length > 3 ? word.replace(/(?:ies|es|s|y)$/, '') : word));
}

/** A name as SQL writes it. */
function identifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${oneLine(name).replaceAll('"', '""')}"`;
}

const oneLine = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
const cut = (text: string): string => oneLine(text).slice(0, longestComment);
