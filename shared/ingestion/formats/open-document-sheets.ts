import { DocumentError } from '../../core/document-errors.ts';
import { inlineText } from './open-document-text.ts';
import { attribute, elementsOf, type XmlElement } from './xml.ts';

/** Sheets are filled to their edges by repeated empty cells; a cell with text is repeated by hand only. */
const mostRepeated = 1_000;
const mostCells = 5_000_000;
const groups: ReadonlySet<string> = new Set(['table-row-group', 'table-rows', 'table-header-rows']);

/** The cells' texts, row by row. */
export function sheetRows(table: XmlElement): string[][] {
  const rows: string[][] = [];
  let cells = 0;
  const read = (parent: XmlElement): void => {
    for (const element of elementsOf(parent)) {
      if (groups.has(element.name)) read(element);
      if (element.name !== 'table-row' || attribute(element, 'visibility') === 'collapse') continue;
      const row = cellsOf(element);
      const times = row.length === 0 ? 1 : repeated(element, 'number-rows-repeated');
      cells += row.length * times;
      if (cells > mostCells) throw new DocumentError('file_expands_too_far', 'The file holds too many cells.');
      for (let i = 0; i < times; i += 1) rows.push(row);
    }
  };
  read(table);
  return rows;
}

function cellsOf(row: XmlElement): string[] {
  const cells: string[] = [];
  for (const cell of elementsOf(row)) {
    if (cell.name !== 'table-cell' && cell.name !== 'covered-table-cell') continue;
    const value = elementsOf(cell)
      .filter(({ name }) => name === 'p')
      .map(inlineText)
      .join(' ');
    for (let i = repeated(cell, 'number-columns-repeated'); i > 0; i -= 1) cells.push(value);
  }
  while (cells.at(-1) === '') cells.pop();
  return cells;
}

function repeated(element: XmlElement, name: string): number {
  const times = Number.parseInt(attribute(element, name) ?? '1', 10) || 1;
  return Math.min(Math.max(times, 1), mostRepeated);
}
