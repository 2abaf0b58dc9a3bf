import { S3Error } from './errors.ts';

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** A piece of XML that is already escaped, so that text and markup cannot be mixed up. */
export interface Markup {
  readonly markup: string;
}

/** An element holding text (escaped here) or child elements. */
export function element(
  name: string,
  content: string | number | boolean | readonly Markup[],
  namespace?: string,
): Markup {
  const inner = Array.isArray(content)
    ? content.map((child: Markup) => child.markup).join('')
    : escapeText(String(content));
  const attribute = namespace === undefined ? '' : ` xmlns="${namespace}"`;
  return { markup: `<${name}${attribute}>${inner}</${name}>` };
}

/** The element, or nothing when there is no value: for lists of children built with spread. */
export function optional(name: string, value: string | number | boolean | undefined): Markup[] {
  return value === undefined ? [] : [element(name, value)];
}

/** A whole response body. */
export function xmlDocument(root: string, children: readonly Markup[]): string {
  return XML_DECLARATION + element(root, children, S3_NAMESPACE).markup;
}

/** Control characters go out as references, as S3 does, since keys may hold any UTF-8. */
function escapeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: S3 keys may hold control characters
  return text.replace(/[&<>"\u0000-\u0008\u000a-\u001f]/g, (character) => {
    switch (character) {
      case '&':
        return '&amp;';
      case '<':
        return '&lt;';
      case '>':
        return '&gt;';
      case '"':
        return '&quot;';
      default:
        return `&#x${character.charCodeAt(0).toString(16)};`;
    }
  });
}

/** A parsed element. S3's request bodies use neither attributes nor mixed content, so only children and text are kept. */
export interface XmlNode {
  readonly name: string;
  readonly children: XmlNode[];
  text: string;
}

const TOKEN =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([A-Za-z_][\w.:-]*)([^<>]*?)(\/?)>|([^<]+)/y;

/** Parses a request body. Document types and their entities are refused, as S3 does. Throws MalformedXML. */
export function parseXml(source: string): XmlNode {
  const document: XmlNode = { name: '', children: [], text: '' };
  const open: XmlNode[] = [document];
  TOKEN.lastIndex = 0;
  const trimmed = source.replace(/^\ufeff/, '').trim();
  while (TOKEN.lastIndex < trimmed.length) {
    const match = TOKEN.exec(trimmed);
    if (match === null) throw malformedXml();
    applyToken(match, open);
  }
  const root = document.children[0];
  if (open.length !== 1 || root === undefined || document.children.length !== 1 || document.text.trim() !== '') {
    throw malformedXml();
  }
  return root;
}

function applyToken(match: RegExpExecArray, open: XmlNode[]): void {
  const [, characterData, closing, qualifiedName, , selfClosing, text] = match;
  const current = open.at(-1);
  if (current === undefined) throw malformedXml();
  if (characterData !== undefined) current.text += characterData;
  else if (text !== undefined) current.text += unescapeText(text);
  else if (qualifiedName !== undefined) {
    const name = qualifiedName.slice(qualifiedName.indexOf(':') + 1);
    if (closing === '/') {
      if (current.name !== name || open.length === 1) throw malformedXml();
      open.pop();
      return;
    }
    const node: XmlNode = { name, children: [], text: '' };
    current.children.push(node);
    if (selfClosing !== '/') open.push(node);
  }
}

const NAMED_ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeText(text: string): string {
  return text.replace(/&([^;&]*);?/g, (_, entity: string) => {
    const named = NAMED_ENTITIES[entity];
    if (named !== undefined) return named;
    const code = /^#x([\da-f]+)$/i.exec(entity)?.[1];
    const point = code === undefined ? Number(/^#(\d+)$/.exec(entity)?.[1] ?? Number.NaN) : Number.parseInt(code, 16);
    if (Number.isNaN(point) || point > 0x10ffff) throw malformedXml();
    return String.fromCodePoint(point);
  });
}

export function childrenOf(node: XmlNode, name: string): XmlNode[] {
  return node.children.filter((child) => child.name === name);
}

export function textOf(node: XmlNode, name: string): string | undefined {
  return node.children.find((child) => child.name === name)?.text.trim();
}

/** The untrimmed text of a child: keys may begin or end with spaces. */
export function exactTextOf(node: XmlNode, name: string): string | undefined {
  return node.children.find((child) => child.name === name)?.text;
}

export function malformedXml(): S3Error {
  return new S3Error(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );
}
