import { decodeText, sanitise } from '../decode-text.ts';
import type { Parser } from '../parse.ts';
import { declaredCharset } from '../sniff-type.ts';
import { htmlToMarkdown } from './html-to-markdown.ts';

/** Where the HTML standard looks for the encoding. */
const prescannedBytes = 1_024;

export const parseHtml: Parser = async (bytes, { contentType }) => {
  const html = decodeText(bytes, { charset: declaredCharset(contentType) ?? charsetOfMeta(bytes), takesOver: true });
  const text = sanitise(htmlToMarkdown(html, { stripBoilerplate: true }));
  return { text, format: 'markdown', mediaType: 'text/html' };
};

function charsetOfMeta(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, prescannedBytes)).toString('latin1');
  const charset = /<meta\b[^>]*\bcharset\s*=\s*["']?([\w:.-]+)/i.exec(head)?.[1]?.toLowerCase();
  // A page that could be read this far is not in UTF-16, whatever it says.
  return charset?.startsWith('utf-16') ? undefined : charset;
}
