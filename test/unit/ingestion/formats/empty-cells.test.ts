import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { withoutEmptyCells } from '../../../../shared/ingestion/formats/empty-cells.ts';
import { parseXlsx } from '../../../../shared/ingestion/formats/xlsx.ts';
import { sampleXlsx, zipOf } from './sample-archives.ts';

const filled = (column: string, row: number, value: number): string => `<c r="${column}${row}"><v>${value}</v></c>`;
const formatted = (column: string, row: number): string => `<c r="${column}${row}" s="1"/>`;

function workbook(rows: string): Uint8Array {
  const worksheet = `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>${rows}</sheetData></worksheet>`;
  const parts = unzipSync(sampleXlsx([{ name: 'S', rows: [['x']] }]));
  return zipOf({ ...parts, 'xl/worksheets/sheet1.xml': worksheet });
}

describe('cells of a worksheet that are empty', () => {
  it('are left out with their rows before the library sees them', () => {
    const rest = Array.from(
      { length: 1_000 },
      (_, i) => `<row r="${i + 2}" ht="15">${formatted('A', i + 2)}<c r="B${i + 2}" s="1"></c></row><row r="9999"/>`,
    );
    const first = `<row r="1">${filled('A', 1, 7)}</row>`;
    expect(withoutEmptyCells(`<cols><col r="1"/></cols>${first}${rest.join('\n')}`)).toBe(
      `<cols><col r="1"/></cols>${first}${'\n'.repeat(999)}`,
    );
  });

  it('leave all others where they stand', async () => {
    const rows = [
      `<row r="1">${filled('A', 1, 1)}${filled('B', 1, 2)}${filled('C', 1, 3)}</row>`,
      `<row r="2">${formatted('A', 2)}${formatted('B', 2)}</row>`,
      `<row r="4">${formatted('A', 4)}${filled('B', 4, 5)}${formatted('C', 4)}</row>`,
    ];
    const { text } = await parseXlsx(workbook(rows.join('')), { name: 'x' });
    expect(text).toBe('# S\n\ncolumn 1: 1\ncolumn 2: 2\ncolumn 3: 3\n\ncolumn 2: 5');
  });

  it('that say no place of their own hold the place of those behind them', () => {
    const row = '<row><c s="1"/><c><v>1</v></c></row><row s="1"/>';
    expect(withoutEmptyCells(row)).toBe(row);
  });
});
