import { boilerplateOf, isUnread } from './html-boilerplate.ts';
import { tableRows } from './html-tables.ts';
import { inlineElements, plainText } from './html-text.ts';
import {
  attributeOf,
  elementsBelow,
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
  const boilerplate = stripBoilerplate ? boilerplateOf(document) : new Set<HtmlElement>();
  const body = write(document.childNodes, boilerplate);
  // A page that consists of what is usually boilerplate is read as a whole.
  const text = body === '' && boilerplate.size > 0 ? write(document.childNodes, new Set()) : body;
  const title = titleOf(elementsBelow(document));
  return stripBoilerplate && title !== '' && text !== '' && !/^# /m.test(text) ? `# ${title}\n\n${text}` : text;
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
