import readWorkbook from 'read-excel-file/universal';
import type { Parser } from '../parse.ts';
import { withoutEmptyCells } from './empty-cells.ts';
import { MarkdownWriter } from './markdown-writer.ts';
import { plainCopy, requirePart } from './office-archive.ts';
import { writeSheet } from './sheet-records.ts';
import { attribute, descendants, parseXml } from './xml.ts';
import { ZipArchive } from './zip-archive.ts';

/** Workbooks: the sheets that are shown, by the values that Excel stored; formulas are not computed. */
export const parseXlsx: Parser = async (bytes) => {
  const hidden = hiddenSheets(bytes);
  const copy = plainCopy(bytes, (name, xml) => (name.startsWith('xl/worksheets/') ? withoutEmptyCells(xml) : xml));
  const sheets = await readWorkbook(copy.buffer.slice(copy.byteOffset, copy.byteOffset + copy.length) as ArrayBuffer);
  const writer = new MarkdownWriter();
  const starts = sheets.flatMap(({ sheet, data }) => {
    const rows = hidden.has(sheet) ? [] : data.map((row) => row.map(cellText));
    return writeSheet(writer, sheet, rows);
  });
  return {
    text: writer.toString(),
    format: 'sheets',
    sheets: starts,
    mediaType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  };
};

function hiddenSheets(bytes: Uint8Array): ReadonlySet<string> {
  const workbook = parseXml(requirePart(new ZipArchive(bytes), 'xl/workbook.xml'));
  const hidden = [...descendants(workbook, 'sheet')].filter((sheet) => /hidden/i.test(attribute(sheet, 'state') ?? ''));
  return new Set(hidden.map((sheet) => attribute(sheet, 'name') ?? ''));
}

/** Dates as in ISO 8601, without an implied midnight. */
function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  if (!(cell instanceof Date)) return String(cell);
  return Number.isNaN(cell.getTime()) ? '' : cell.toISOString().replace(/(?:T00:00:00)?\.000Z$/, '');
}
