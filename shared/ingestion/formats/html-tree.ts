import { type DefaultTreeAdapterMap, type DefaultTreeAdapterTypes, defaultTreeAdapter, parse } from 'parse5';
import { DocumentError } from '../../core/document-errors.ts';

export type HtmlNode = DefaultTreeAdapterTypes.ChildNode;
export type HtmlElement = DefaultTreeAdapterTypes.Element;
export type HtmlDocument = DefaultTreeAdapterTypes.Document;

/** Browsers flatten at 512. Scope checks walk the open elements, so that unbounded nesting costs the square of the file. */
const deepest = 2_000;

/** @throws DocumentError `file_expands_too_far` for elements nested more than 2,000 deep */
export function parseHtmlTree(html: string): HtmlDocument {
  let depth = 0;
  return parse<DefaultTreeAdapterMap>(html, {
    scriptingEnabled: false,
    treeAdapter: {
      ...defaultTreeAdapter,
      onItemPush: () => {
        depth += 1;
        if (depth > deepest) throw new DocumentError('file_expands_too_far', 'The file is nested too deeply.');
      },
      onItemPop: () => {
        depth -= 1;
      },
    },
  });
}

export function isElement(node: HtmlNode): node is HtmlElement {
  return 'tagName' in node;
}

export function isText(node: HtmlNode): node is DefaultTreeAdapterTypes.TextNode {
  return node.nodeName === '#text';
}

export function attributeOf(element: HtmlElement, name: string): string | undefined {
  return element.attrs.find((attribute) => attribute.name === name)?.value;
}

/** Elements below `root` in the document's order, `root` itself first. Nothing below an element that `enters` refuses. */
export function* elementsBelow(
  root: HtmlElement | HtmlDocument,
  enters: (element: HtmlElement) => boolean = () => true,
): Generator<HtmlElement> {
  const waiting: HtmlNode[] = [...root.childNodes].reverse();
  if ('tagName' in root) yield root;
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (!isElement(node)) continue;
    yield node;
    if (enters(node))
      for (let i = node.childNodes.length - 1; i >= 0; i -= 1) waiting.push(node.childNodes[i] as HtmlNode);
  }
}
