import { DocumentError } from '../../core/document-errors.ts';
import { sanitise } from '../decode-text.ts';
import type { Parser } from '../parse.ts';
import { MarkdownWriter } from './markdown-writer.ts';
import { requirePart } from './office-archive.ts';
import { sheetRows } from './open-document-sheets.ts';
import { inlineText, writeBlocks } from './open-document-text.ts';
import { PageBuilder } from './pages.ts';
import { writeSheet } from './sheet-records.ts';
import { attribute, childOf, descendants, elementsOf, parseXml, type XmlElement } from './xml.ts';
import { ZipArchive } from './zip-archive.ts';

const mediaTypes: Readonly<Record<string, string>> = {
  text: 'application/vnd.oasis.opendocument.text',
  presentation: 'application/vnd.oasis.opendocument.presentation',
  spreadsheet: 'application/vnd.oasis.opendocument.spreadsheet',
};

/** OpenDocument texts, presentations (a slide is a page) and spreadsheets. */
export const parseOpenDocument: Parser = async (bytes) => {
  const archive = new ZipArchive(bytes);
  refuseEncrypted(archive);
  const body = childOf(parseXml(requirePart(archive, 'content.xml')), 'body');
  const content = body && elementsOf(body).find(({ name }) => Object.hasOwn(mediaTypes, name));
  const mediaType = content && mediaTypes[content.name];
  if (!content || mediaType === undefined)
    throw new DocumentError('corrupt_file', 'The file is broken: it has no content.');
  if (content.name === 'presentation') return { ...slides(content), format: 'markdown', mediaType };
  const writer = new MarkdownWriter();
  if (content.name === 'text') {
    writeBlocks(content, writer);
    return { text: sanitise(writer.toString()), format: 'markdown', mediaType };
  }
  const sheets = elementsOf(content).flatMap((table) =>
    table.name === 'table' ? writeSheet(writer, attribute(table, 'name') ?? '', sheetRows(table)) : [],
  );
  return { text: writer.toString(), format: 'sheets', sheets, mediaType };
};

function refuseEncrypted(archive: ZipArchive): void {
  const manifest = archive.read('META-INF/manifest.xml');
  if (manifest && !descendants(parseXml(manifest), 'encryption-data').next().done)
    throw new DocumentError('encrypted_file', 'The file is encrypted.');
}

function slides(presentation: XmlElement): { text: string; pageStarts: number[] } {
  const pages = new PageBuilder();
  for (const page of elementsOf(presentation).filter(({ name }) => name === 'page')) {
    const writer = new MarkdownWriter();
    for (const frame of elementsOf(page)) {
      if (attribute(frame, 'presentation:class') === 'title')
        writer.addHeading(1, [...descendants(frame, 'p')].map(inlineText).join(' '));
      else writeBlocks(frame, writer);
    }
    pages.add(sanitise(writer.toString()));
  }
  return pages.finish();
}
