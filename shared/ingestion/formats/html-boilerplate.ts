import { attributeOf, elementsBelow, type HtmlDocument, type HtmlElement } from './html-tree.ts';

/** Never text of a document. `noscript` repeats or excuses what scripts would do. */
const unread: ReadonlySet<string> = new Set(
  'script style noscript template iframe object embed svg canvas audio video select button input textarea datalist dialog map head'.split(
    ' ',
  ),
);
/** Around the document: menus, imprints, side columns. */
const around: ReadonlySet<string> = new Set(['nav', 'header', 'footer', 'aside', 'menu']);
const aroundRoles: ReadonlySet<string> = new Set(
  'navigation banner contentinfo complementary search dialog alert'.split(' '),
);
const content: ReadonlySet<string> = new Set(['article', 'main', 'section']);
const hiddenStyle = /(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)/i;

export function isUnread(element: HtmlElement): boolean {
  return (
    unread.has(element.tagName) ||
    attributeOf(element, 'hidden') !== undefined ||
    attributeOf(element, 'aria-hidden') === 'true' ||
    hiddenStyle.test(attributeOf(element, 'style') ?? '')
  );
}

/** The elements around a page's content. The header of an article, and one that holds the only main heading, is content. */
export function boilerplateOf(document: HtmlDocument): ReadonlySet<HtmlElement> {
  const found = new Set<HtmlElement>();
  for (const element of elementsBelow(document, (entered) => !found.has(entered))) {
    if (isBoilerplate(element)) found.add(element);
  }
  const hasHeading = (elements: Iterable<HtmlElement>): boolean =>
    [...elements].some(({ tagName }) => tagName === 'h1');
  if (!hasHeading(elementsBelow(document, (entered) => !found.has(entered)))) {
    const title = [...found].find((element) => element.tagName === 'header' && hasHeading(elementsBelow(element)));
    if (title) found.delete(title);
  }
  return found;
}

function isBoilerplate(element: HtmlElement): boolean {
  if (aroundRoles.has(attributeOf(element, 'role') ?? '')) return true;
  if (!around.has(element.tagName)) return false;
  return element.tagName !== 'header' || !isInContent(element);
}

function isInContent(element: HtmlElement): boolean {
  for (let parent = element.parentNode; parent && 'tagName' in parent; parent = parent.parentNode) {
    if (content.has(parent.tagName)) return true;
  }
  return false;
}
