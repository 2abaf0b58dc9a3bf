import type { MarkdownWriter } from './markdown-writer.ts';
import { attribute, elementsOf, type XmlElement } from './xml.ts';

/** Remarks, deleted and hidden text, and what only formats. */
const unread: ReadonlySet<string> = new Set([
  'annotation',
  'annotation-end',
  'tracked-changes',
  'hidden-text',
  'hidden-paragraph',
  'sequence-decls',
  'variable-decls',
  'forms',
  'notes',
]);
const mostSpaces = 100;

/** Headings, paragraphs, lists and tables below an element; frames and sections are read through. */
export function writeBlocks(parent: XmlElement, writer: MarkdownWriter): void {
  for (const element of elementsOf(parent)) {
    const { name } = element;
    if (unread.has(name)) continue;
    if (name === 'h') writer.addHeading(Number(attribute(element, 'outline-level')) || 1, inlineText(element));
    else if (name === 'p') {
      writer.addInline(inlineText(element));
      writer.endBlock();
    } else if (name === 'list') writeList(element, writer);
    else if (name === 'table') writer.addTable(rowsOf(element));
    else if (name === 'section' && attribute(element, 'display') === 'none') continue;
    else writeBlocks(element, writer);
  }
}

function writeList(list: XmlElement, writer: MarkdownWriter): void {
  writer.endBlock();
  for (const item of elementsOf(list)) {
    if (item.name === 'list-item') writer.inItem('- ', () => writeBlocks(item, writer));
    else writeBlocks(item, writer);
  }
  writer.endList();
}

function rowsOf(table: XmlElement): string[][] {
  return elementsOf(table).flatMap((child) => {
    if (child.name !== 'table-row') return child.name.startsWith('table-') ? rowsOf(child) : [];
    const cells = elementsOf(child).filter(({ name }) => name.endsWith('table-cell'));
    return [cells.map((cell) => elementsOf(cell).map(inlineText).join(' '))];
  });
}

/** Text with its spans, tabs and breaks; spaces beyond the first are elements. */
export function inlineText(element: XmlElement): string {
  return element.children
    .map((child) => {
      if (typeof child === 'string') return child;
      if (child.name === 's') return ' '.repeat(Math.min(Number(attribute(child, 'c')) || 1, mostSpaces));
      if (child.name === 'tab' || child.name === 'line-break') return ' ';
      return unread.has(child.name) ? '' : inlineText(child);
    })
    .join('');
}
