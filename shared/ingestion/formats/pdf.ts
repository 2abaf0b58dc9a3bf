import { getDocumentProxy } from 'unpdf';
import type { PDFPageProxy } from 'unpdf/pdfjs';
import { DocumentError } from '../../core/document-errors.ts';
import { sanitise } from '../decode-text.ts';
import type { Parser } from '../parse.ts';
import { PageBuilder } from './pages.ts';
import { linesOfPage, type PositionedText } from './pdf-lines.ts';

/** PDF by its text layer, page by page. Pictures of text hold none. */
export const parsePdf: Parser = async (bytes) => {
  const pdf = await open(bytes);
  try {
    const pages = new PageBuilder();
    for (let number = 1; number <= pdf.numPages; number += 1) {
      const page = await pdf.getPage(number);
      pages.add(sanitise(linesOfPage(await textOf(page))));
      page.cleanup();
    }
    return { ...pages.finish(), format: 'plain', mediaType: 'application/pdf' };
  } finally {
    await pdf.loadingTask.destroy();
  }
};

/** A page of print holds a few thousand. Forms that draw forms make any number out of a few kilobytes, and take minutes. */
const mostTextsOfPage = 50_000;

async function textOf(page: PDFPageProxy): Promise<PositionedText[]> {
  const texts: PositionedText[] = [];
  const reader = page.streamTextContent().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return texts;
    for (const item of value.items as readonly object[]) if ('str' in item) texts.push(item as PositionedText);
    if (texts.length <= mostTextsOfPage) continue;
    await reader.cancel(new Error('enough'));
    throw new DocumentError('file_expands_too_far', 'A page of the file holds too many pieces of text.');
  }
}

async function open(bytes: Uint8Array): ReturnType<typeof getDocumentProxy> {
  try {
    // pdf.js accepts no Buffer, and takes ownership of its input.
    return await getDocumentProxy(Buffer.isBuffer(bytes) ? new Uint8Array(bytes) : bytes, {
      disableFontFace: true,
      useSystemFonts: false,
      useWorkerFetch: false,
      verbosity: 0,
    });
  } catch (error) {
    if (error instanceof Error && error.name === 'PasswordException')
      throw new DocumentError('encrypted_file', 'The file is encrypted.', { cause: error });
    throw error;
  }
}
