import type { Parser } from '../parse.ts';
import type { FormatMediaType } from './media-types.ts';

/** Every format's parser, loaded when the first file of its kind comes: their libraries take 10 to 150 ms each. */
export const formatParsers: Readonly<Record<FormatMediaType, () => Promise<Parser>>> = {
  'application/pdf': async () => (await import('./pdf.ts')).parsePdf,
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': async () =>
    (await import('./docx.ts')).parseDocx,
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': async () =>
    (await import('./pptx.ts')).parsePptx,
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': async () =>
    (await import('./xlsx.ts')).parseXlsx,
  'application/vnd.oasis.opendocument.text': async () => (await import('./open-document.ts')).parseOpenDocument,
  'application/vnd.oasis.opendocument.presentation': async () => (await import('./open-document.ts')).parseOpenDocument,
  'application/vnd.oasis.opendocument.spreadsheet': async () => (await import('./open-document.ts')).parseOpenDocument,
  'application/epub+zip': async () => (await import('./epub.ts')).parseEpub,
  'text/html': async () => (await import('./html.ts')).parseHtml,
  'text/csv': async () => (await import('./delimited.ts')).parseDelimited,
  'text/tab-separated-values': async () => (await import('./delimited.ts')).parseDelimited,
  'application/json': async () => (await import('./json.ts')).parseJson,
  'application/x-ndjson': async () => (await import('./json.ts')).parseJson,
  'message/rfc822': async () => (await import('./email.ts')).parseEmail,
};
