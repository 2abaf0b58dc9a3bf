import { isUnread } from './html-boilerplate.ts';
import { plainText } from './html-text.ts';
import { attributeOf, elementsBelow, type HtmlElement } from './html-tree.ts';

/** What no cell of a table of data holds: the table is there for the layout. */
const layoutContent: ReadonlySet<string> = new Set([
  'table',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'pre',
  'form',
  'blockquote',
]);
const mostSpannedColumns = 100;

/** @returns the cells' texts row by row, without the caption; undefined for a table that only arranges other content */
export function tableRows(table: HtmlElement): string[][] | undefined {
  const role = attributeOf(table, 'role');
  if (role === 'presentation' || role === 'none') return undefined;
  const rows: string[][] = [];
  for (const element of elementsBelow(table, ({ tagName }) => tagName !== 'td' && tagName !== 'th')) {
    if (isUnread(element)) continue;
    if (element.tagName === 'tr') rows.push([]);
    if (element.tagName !== 'td' && element.tagName !== 'th') continue;
    for (const inner of elementsBelow(element)) if (layoutContent.has(inner.tagName)) return undefined;
    addCell(rows, element);
  }
  const isData = rows.some((row) => row.length > 1);
  return isData ? rows : undefined;
}

function addCell(rows: string[][], cell: HtmlElement): void {
  const span = Number.parseInt(attributeOf(cell, 'colspan') ?? '1', 10) || 1;
  const row = rows.at(-1) ?? [];
  row.push(plainText(cell));
  for (let i = 1; i < Math.min(span, mostSpannedColumns); i += 1) row.push('');
}
