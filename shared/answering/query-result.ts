import type { JsonValue } from '../databases/statement-values.ts';

/** What a statement gave, and how it came about. */
export interface QueryResult {
  /** UUID. */
  readonly connectionId: string;
  readonly connectionName: string;
  /** As it was run: each table with its schema. */
  readonly statement: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly JsonValue[])[];
  /** There are more rows than these. */
  readonly truncated: boolean;
  readonly tables: readonly string[];
  readonly assumptions: readonly string[];
  readonly executedAt: Date;
  /** Whether a chat model may read the rows: `send_rows_to_model` of the connection. */
  readonly rowsMayBeSent: boolean;
}

/** A cell as people write it. */
export function cellText(value: JsonValue): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const mostRowsRead = 60;
const longestCell = 200;
const longestText = 7_000;

/** The rows as a model reads them: one per line, each value after the name of its column. */
export function resultText({ columns, rows, truncated }: QueryResult): string {
  const names = columns.map(oneLine);
  const lines: string[] = [];
  let length = 0;
  for (const row of rows.slice(0, mostRowsRead)) {
    const line = row.map((cell, at) => `${names[at]}: ${oneLine(cellText(cell)).slice(0, longestCell)}`).join(' | ');
    length += line.length;
    if (length > longestText && lines.length > 0) break;
    lines.push(line.slice(0, longestText));
  }
  const left = rows.length - lines.length;
  if (rows.length === 0) return '(no rows)';
  if (left === 0 && !truncated) return lines.join('\n');
  return [...lines, truncated ? '(and more rows)' : `(and ${left} more rows)`].join('\n');
}

const oneLine = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
