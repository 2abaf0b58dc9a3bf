import { DocumentError } from '../core/document-errors.ts';
import type { TextFormat } from './boundaries.ts';
import { decodeText } from './decode-text.ts';
import type { ParsedDocument } from './parsed-document.ts';
import { type DeclaredFile, declaredCharset, sniffType } from './sniff-type.ts';

/** Turns the bytes of one kind of file into text; throws a DocumentError when they are not what they say. */
export type Parser = (bytes: Uint8Array, file: DeclaredFile) => Promise<ParsedDocument>;

/** Parsers by media type: a further format is one more entry. */
export const parsers: ReadonlyMap<string, Parser> = new Map([
  ['text/plain', textParser('text/plain', 'plain')],
  ['text/markdown', textParser('text/markdown', 'markdown')],
]);

/**
 * Bytes to text, by what the bytes are.
 * @throws DocumentError `empty_file`, `unsupported_media_type`, `no_text_found`, and what the format's parser throws
 */
export async function parse(bytes: Uint8Array, file: DeclaredFile): Promise<ParsedDocument> {
  if (bytes.length === 0) throw new DocumentError('empty_file', 'The file is empty.');
  const mediaType = sniffType(bytes, file);
  const parser = parsers.get(mediaType);
  if (!parser) throw new DocumentError('unsupported_media_type', `Files of type ${mediaType} cannot be read.`);
  const document = await parser(bytes, file);
  if (!/\S/.test(document.text)) throw new DocumentError('no_text_found', 'The file holds no text.');
  return document;
}

function textParser(mediaType: string, format: TextFormat): Parser {
  return async (bytes, file) => ({
    text: decodeText(bytes, declaredCharset(file.contentType)),
    format,
    mediaType,
  });
}
