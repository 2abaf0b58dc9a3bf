import { isUnread } from './html-boilerplate.ts';
import { attributeOf, type HtmlElement, type HtmlNode, isElement, isText } from './html-tree.ts';

export const inlineElements: ReadonlySet<string> = new Set(
  'a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark meter nobr output progress q rp rt ruby s samp small span strike strong sub sup time tt u var wbr'.split(
    ' ',
  ),
);

/** All text below an element, as it stands. */
export function plainText(element: HtmlElement): string {
  const pieces: string[] = [];
  const visit = (nodes: readonly HtmlNode[]): void => {
    for (const node of nodes) {
      if (isText(node)) pieces.push(node.value);
      else if (isElement(node) && !isUnread(node)) {
        if (node.tagName === 'br') pieces.push('\n');
        else if (node.tagName === 'img') pieces.push(attributeOf(node, 'alt') ?? '');
        else if (inlineElements.has(node.tagName)) visit(node.childNodes);
        else {
          pieces.push('\n');
          visit(node.childNodes);
          pieces.push('\n');
        }
      }
    }
  };
  visit(element.childNodes);
  return pieces.join('');
}
