import type { Citation } from './citation.ts';
import { cellText, type QueryResult } from './query-result.ts';

const mostRowsTold = 5;
const mostColumnsTold = 8;
const longestCell = 120;

/** A result in words, without a model: for rows that no model may read. */
export interface ToldResult {
  readonly text: string;
  readonly citation: Citation;
}

/** @param n the number that its citation gets */
export function tellResult(result: QueryResult, n: number): ToldResult {
  const [first] = result.rows;
  const value = first === undefined ? '0' : cellText(firstNumber(first) ?? first[0] ?? null);
  return { text: sentence(result, `[${n}]`), citation: { kind: 'sql', n, result, value } };
}

function sentence({ columns, rows, truncated, connectionName }: QueryResult, mark: string): string {
  const source = `The database "${plain(connectionName)}"`;
  if (rows.length === 0) return `${source} has no rows that match ${mark}.`;
  const told = rows.slice(0, mostRowsTold).map((row) =>
    row
      .slice(0, mostColumnsTold)
      .map((cell, at) => `${inWords(columns[at] ?? '')} ${plain(cellText(cell))}`)
      .join(', '),
  );
  if (rows.length === 1) return `${source} says: ${told[0]} ${mark}.`;
  const count = truncated ? `more than ${rows.length}` : rows.length;
  const these =
    rows.length > told.length || truncated ? `the first ${told.length} of ${count} rows are` : `${count} rows are`;
  return `${source} says: ${these} ${told.join('; ')} ${mark}.`;
}

const firstNumber = (row: QueryResult['rows'][number]) =>
  row.find((cell) => cell !== null && typeof cell !== 'object' && /^-?\d+(\.\d+)?$/.test(String(cell)));

const inWords = (column: string): string => `${plain(column.replaceAll('_', ' '))}:`;

/** A row may contain something that a browser would load, or that looks like one of our marks. */
function plain(text: string): string {
  const line = text
    .replace(/\b(?:https?:\/\/|ftp:\/\/|www\.)\S+/gi, '(link removed)')
    .replace(/[[\]<>!`*\p{Cc}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > longestCell ? `${line.slice(0, longestCell)}…` : line;
}
