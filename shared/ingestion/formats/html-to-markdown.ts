import { boilerplateOf, isUnread } from './html-boilerplate.ts';
import { tableRows } from './html-tables.ts';
import { inlineElements, plainText } from './html-text.ts';
import {
  attributeOf,
  elementsBelow,
  type HtmlDocument,
  type HtmlElement,
  type HtmlNode,
  isElement,
  isText,
  parseHtmlTree,
} from './html-tree.ts';
import { MarkdownWriter } from './markdown-writer.ts';

export interface HtmlReading {
  /** Leaves out menus, page headers and footers, side columns. */
  readonly stripBoilerplate: boolean;
}

/**
 * The readable text of a page as Markdown: headings, paragraphs, lists, tables, code. Links are their words, pictures their
 * descriptions; emphasis is left out, since marks inside a sentence stand in the way of search and of quotes.
 */
export function htmlToMarkdown(html: string, { stripBoilerplate }: HtmlReading): string {
  const document = parseHtmlTree(html);
  if (!stripBoilerplate) return write(document.childNodes, new Set());
  const text = contentOf(document);
  const title = titleOf(elementsBelow(document));
  return title !== '' && text !== '' && !/^# /m.test(text) ? `# ${title}\n\n${text}` : text;
}

/** What the page names its main part, else what is not around it; a page that consists of what usually is around is read as a whole. */
function contentOf(document: HtmlDocument): string {
  const boilerplate = boilerplateOf(document);
  const isMain = (element: HtmlElement): boolean =>
    element.tagName === 'main' || attributeOf(element, 'role') === 'main';
  const mains = [...elementsBelow(document, (element) => !isMain(element))].filter(isMain);
  return write(mains, boilerplate) || write(document.childNodes, boilerplate) || write(document.childNodes, new Set());
}

function write(nodes: readonly HtmlNode[], boilerplate: ReadonlySet<HtmlElement>): string {
  const reader = new HtmlReader(boilerplate);
  reader.readAll(nodes);
  return reader.writer.toString();
}

function titleOf(elements: Iterable<HtmlElement>): string {
  for (const element of elements) {
    if (element.tagName === 'title') return plainText(element).replace(/\s+/g, ' ').trim();
  }
  return '';
}

class HtmlReader {
  readonly writer = new MarkdownWriter();
  private readonly boilerplate: ReadonlySet<HtmlElement>;

  constructor(boilerplate: ReadonlySet<HtmlElement>) {
    this.boilerplate = boilerplate;
  }

  readAll(nodes: readonly HtmlNode[]): void {
    for (const node of nodes) {
      if (isText(node)) this.writer.addInline(node.value);
      else if (isElement(node)) this.read(node);
    }
  }

  private read(element: HtmlElement): void {
    if (isUnread(element) || this.boilerplate.has(element)) return;
    const { tagName, childNodes } = element;
    if (/^h[1-6]$/.test(tagName)) this.writer.addHeading(Number(tagName[1]), plainText(element));
    else if (tagName === 'br') this.writer.addLineBreak();
    else if (tagName === 'img') this.writer.addInline(attributeOf(element, 'alt') ?? '');
    else if (tagName === 'pre') this.writer.addCode(plainText(element));
    else if (tagName === 'ul' || tagName === 'ol') this.readList(element);
    else if (tagName === 'table') this.readTable(element);
    else if (inlineElements.has(tagName)) this.readAll(childNodes);
    else {
      this.writer.endBlock();
      this.readAll(childNodes);
      this.writer.endBlock();
    }
  }

  private readList(list: HtmlElement): void {
    let number = Number.parseInt(attributeOf(list, 'start') ?? '1', 10) || 1;
    this.writer.endBlock();
    for (const child of list.childNodes) {
      if (!isElement(child) || isUnread(child)) continue;
      if (child.tagName !== 'li') this.read(child);
      else this.writer.inItem(list.tagName === 'ol' ? `${number++}. ` : '- ', () => this.readAll(child.childNodes));
    }
    this.writer.endList();
  }

  private readTable(table: HtmlElement): void {
    const rows = tableRows(table);
    if (rows) {
      this.readAll(table.childNodes.filter((child) => child.nodeName === 'caption'));
      this.writer.addTable(rows);
    } else {
      this.writer.endBlock();
      this.readAll(table.childNodes);
      this.writer.endBlock();
    }
  }
}
