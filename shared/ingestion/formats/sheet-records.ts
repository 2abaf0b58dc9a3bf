import { sanitise } from '../decode-text.ts';
import type { SheetStart } from '../parsed-document.ts';
import { escapeOutline, type MarkdownWriter } from './markdown-writer.ts';
import { columnName, columnNames, isHeader, record } from './records.ts';

/** How far down a sheet its header may stand, below titles and remarks. */
const latestHeader = 10;

/**
 * One sheet: its name as a heading, what stands above its header as lines, every row below as a record of `header: value`.
 * @returns where it begins, nothing for an empty sheet
 */
export function writeSheet(writer: MarkdownWriter, name: string, rows: Iterable<readonly string[]>): SheetStart[] {
  const filled = Array.from(rows, (row) => row.map(sanitise)).filter((row) => row.some((cell) => cell.trim() !== ''));
  if (filled.length === 0) return [];
  const sheet = { name: sanitise(name), start: writer.length };
  writer.addHeading(1, sheet.name);
  const headerAt = filled.slice(0, latestHeader).findIndex((row) => cellsOf(row) > 1 && isHeader(row));
  for (const row of filled.slice(0, Math.max(0, headerAt)))
    writer.addBlock(escapeOutline(row.filter(Boolean).join(' ')));
  const widest = filled.reduce((most, row) => Math.max(most, row.length), 0);
  const header = filled[headerAt];
  const names = header ? columnNames(header) : Array.from({ length: widest }, (_, i) => columnName(i));
  const records = filled.slice(headerAt + 1);
  // A sheet that is nothing but its header still has text.
  if (header && records.length === 0) writer.addBlock(escapeOutline(names.join('\n')));
  for (const row of records) writer.addBlock(escapeOutline(record(names, row)));
  return [sheet];
}

function cellsOf(row: readonly string[]): number {
  return row.filter((cell) => cell.trim() !== '').length;
}
