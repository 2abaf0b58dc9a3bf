import type { JsonValue } from './statement-values.ts';

/** Beginnings that a spreadsheet takes for a formula, and would run when the file is opened. */
const formula = /^[=+\-@\t\r]/;
const number = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** RFC 4180, with a line of names. Texts that a spreadsheet would run as formulas get a quote before them. */
export function toCsv(columns: readonly string[], rows: readonly (readonly JsonValue[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function cell(value: JsonValue): string {
  if (value === null) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const safe = formula.test(text) && !number.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
