import { DocumentError } from '../../core/document-errors.ts';
import { sanitise } from '../decode-text.ts';
import type { Parser } from '../parse.ts';
import { TextBuilder } from './expansion-limits.ts';
import { htmlToMarkdown } from './html-to-markdown.ts';
import { requirePart, resolvePath } from './office-archive.ts';
import { attribute, childOf, decodeXml, descendants, elementsOf, parseXml } from './xml.ts';
import { ZipArchive } from './zip-archive.ts';

const voidElements = 'area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr';
/** XHTML may close any element at once; read as HTML, `<title/>` would swallow the whole chapter. */
const closedAtOnce = new RegExp(`<(?!(?:${voidElements})[\\s/>])([a-zA-Z][\\w:.-]*)((?:\\s[^<>]*)?)/>`, 'g');

/** Books: the chapters of the spine, in its order. */
export const parseEpub: Parser = async (bytes) => {
  const archive = new ZipArchive(bytes);
  const encrypted = encryptedParts(archive);
  const text = new TextBuilder();
  for (const part of chapters(archive)) {
    if (encrypted.has(part)) throw new DocumentError('encrypted_file', 'The file is encrypted.');
    const xhtml = decodeXml(requirePart(archive, part)).replace(closedAtOnce, '<$1$2></$1>');
    const chapter = sanitise(htmlToMarkdown(xhtml, { stripBoilerplate: false })).trim();
    if (chapter !== '') text.add(text.length === 0 ? chapter : `\n\n${chapter}`);
  }
  return { text: text.toString(), format: 'markdown', mediaType: 'application/epub+zip' };
};

function chapters(archive: ZipArchive): string[] {
  const [root] = descendants(parseXml(requirePart(archive, 'META-INF/container.xml')), 'rootfile');
  const path = root && attribute(root, 'full-path');
  if (path === undefined) throw new DocumentError('corrupt_file', 'The file is broken: it names no book.');
  const book = parseXml(requirePart(archive, path));
  const directory = path.slice(0, path.lastIndexOf('/') + 1);
  const manifest = childOf(book, 'manifest');
  const parts = new Map<string, string>();
  for (const item of manifest ? elementsOf(manifest) : []) {
    const [id, href] = [attribute(item, 'id'), attribute(item, 'href')];
    if (id === undefined || href === undefined || !/x?html/.test(attribute(item, 'media-type') ?? '')) continue;
    // A table of contents repeats the chapters' headings.
    if (!(attribute(item, 'properties') ?? '').split(/\s+/).includes('nav')) parts.set(id, entryName(directory, href));
  }
  const spine = childOf(book, 'spine');
  return (spine ? elementsOf(spine) : []).flatMap((item) => parts.get(attribute(item, 'idref') ?? '') ?? []);
}

function entryName(directory: string, href: string): string {
  const path = href.split('#', 1)[0] ?? '';
  try {
    return resolvePath(directory, decodeURIComponent(path));
  } catch (error) {
    if (error instanceof URIError) return resolvePath(directory, path);
    throw error;
  }
}

/** Fonts are often obfuscated, and no reason to refuse a book. */
function encryptedParts(archive: ZipArchive): ReadonlySet<string> {
  const bytes = archive.read('META-INF/encryption.xml');
  if (!bytes) return new Set();
  const references = [...descendants(parseXml(bytes), 'CipherReference')];
  return new Set(references.map((reference) => entryName('', attribute(reference, 'URI') ?? '')));
}
