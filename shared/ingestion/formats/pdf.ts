import { getDocumentProxy } from 'unpdf';
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
      const { items } = await page.getTextContent();
      pages.add(sanitise(linesOfPage(items.filter((item): item is typeof item & PositionedText => 'str' in item))));
      page.cleanup();
    }
    return { ...pages.finish(), format: 'plain', mediaType: 'application/pdf' };
  } finally {
    await pdf.loadingTask.destroy();
  }
};

async function open(bytes: Uint8Array): ReturnType<typeof getDocumentProxy> {
  try {
    // pdf.js takes no Buffer, and takes over what it is given.
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
