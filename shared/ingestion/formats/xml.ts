import { Parser } from 'saxen';
import { DocumentError } from '../../core/document-errors.ts';
import { decodeText } from '../decode-text.ts';

export interface XmlElement {
  /** Without its namespace prefix. */
  readonly name: string;
  /** Names as written, prefixes included. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (XmlElement | string)[];
}

const deepest = 1_000;
const mostNodes = 5_000_000;
const documentType = /<!DOCTYPE[^>[]*(\[)?/i;
const rootStart = /<[^!?]/;

/**
 * One part of an archive as text.
 * @throws DocumentError `file_expands_too_far` when it declares entities, which is how a kilobyte of XML becomes a gigabyte
 */
export function decodeXml(bytes: Uint8Array): string {
  const xml = decodeText(bytes).replace(/^\ufeff/, '');
  const prolog = xml.slice(0, Math.max(0, xml.search(rootStart)));
  if (documentType.exec(prolog)?.[1] !== undefined || /<!ENTITY/i.test(prolog))
    throw new DocumentError('file_expands_too_far', 'The file declares XML entities of its own.');
  return xml;
}

/** @throws DocumentError `corrupt_file`, `file_expands_too_far` */
export function parseXml(bytes: Uint8Array): XmlElement {
  const root: MutableElement = { name: '', attributes: {}, children: [] };
  const open: MutableElement[] = [root];
  let nodes = 0;
  const add = (node: MutableElement | string): void => {
    nodes += 1;
    if (nodes > mostNodes) throw tooFar('The file holds too many elements.');
    open.at(-1)?.children.push(node);
  };
  const parser = new Parser();
  let failure: Error | undefined;
  parser.on('error', (error) => {
    failure ??= error;
  });
  parser.on('openTag', (name, attributes, decode) => {
    const decoded = Object.entries(attributes()).map(([key, value]) => [key, decode(value)] as const);
    const element = { name: localName(name), attributes: Object.fromEntries(decoded), children: [] };
    add(element);
    open.push(element);
    if (open.length > deepest) throw tooFar('The file is nested too deeply.');
  });
  parser.on('closeTag', () => {
    open.pop();
  });
  parser.on('text', (text, decode) => add(decode(text)));
  parser.on('cdata', add);
  const error = parser.parse(decodeXml(bytes)) ?? failure;
  if (error instanceof DocumentError) throw error;
  const top = root.children.find((child) => typeof child !== 'string');
  if (error || !top)
    throw new DocumentError('corrupt_file', 'The file is broken: a part is not XML.', { cause: error });
  return top;
}

interface MutableElement extends XmlElement {
  readonly children: (MutableElement | string)[];
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function tooFar(message: string): DocumentError {
  return new DocumentError('file_expands_too_far', message);
}

export function elementsOf({ children }: XmlElement): XmlElement[] {
  return children.filter((child) => typeof child !== 'string');
}

/** The first child of this name. */
export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element && elementsOf(element).find((child) => child.name === name);
}

/** Every element of this name below `element`, in the document's order. */
export function* descendants(element: XmlElement, name: string): Generator<XmlElement> {
  for (const child of elementsOf(element)) {
    if (child.name === name) yield child;
    yield* descendants(child, name);
  }
}

/** An attribute by its name without a prefix, or by its whole name. */
export function attribute(element: XmlElement, name: string): string | undefined {
  const { attributes } = element;
  if (Object.hasOwn(attributes, name)) return attributes[name];
  const key = Object.keys(attributes).find((written) => localName(written) === name);
  return key === undefined ? undefined : attributes[key];
}
