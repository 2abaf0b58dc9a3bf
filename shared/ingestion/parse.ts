import { DocumentError } from '../core/document-errors.ts';
import type { TextFormat } from './boundary-kinds.ts';
import { dieOf } from './deadly-text.ts';
import { decodeText } from './decode-text.ts';
import { isEncryptedOle } from './formats/container-type.ts';
import { formatMediaTypes, isFormatMediaType } from './formats/media-types.ts';
import { endIdleChild } from './kept-child.ts';
import { parseInChild } from './parse-in-child.ts';
import type { ParseLimits } from './parse-in-child-contract.ts';
import type { ParsedDocument } from './parsed-document.ts';
import { agreesWith, type DeclaredFile, declaredCharset, sniffType } from './sniff-type.ts';

/** Turns the bytes of one kind of file into text; throws a DocumentError when they are not what they say. */
export type Parser = (bytes: Uint8Array, file: DeclaredFile, limits?: ParseLimits) => Promise<ParsedDocument>;

/** Parsers by media type: a further format is one more entry. */
const parsers: ReadonlyMap<string, Parser> = new Map([
  ['text/plain', textParser('text/plain', 'plain')],
  ['text/markdown', textParser('text/markdown', 'markdown')],
  ['application/x-ole-storage', refuseOle],
  ...formatMediaTypes.map(
    (mediaType) =>
      [
        mediaType,
        (bytes, { name, contentType = null }, limits) => parseInChild(bytes, { name, contentType, mediaType }, limits),
      ] satisfies [string, Parser],
  ),
]);

/**
 * Bytes to text, by what the bytes are. The bytes are taken over: a large text is decoded without a copy, changes them, and leaves an
 * empty buffer behind.
 * @throws DocumentError `empty_file`, `unsupported_media_type`, `encrypted_file`, `corrupt_file`, `file_expands_too_far`, `no_text_found`
 */
export async function parse(bytes: Uint8Array, file: DeclaredFile, limits?: ParseLimits): Promise<ParsedDocument> {
  if (bytes.length === 0) throw new DocumentError('empty_file', 'The file is empty.');
  const mediaType = sniffType(bytes, file);
  const parser = parsers.get(mediaType);
  if (!parser) throw new DocumentError('unsupported_media_type', `Files of type ${mediaType} cannot be read.`);
  const document = await parser(bytes, file, limits).catch((error: unknown) => {
    throw asWhatItSays(error, mediaType, file);
  });
  if (!/\S/.test(document.text)) throw new DocumentError('no_text_found', 'The file holds no text.');
  return document;
}

/** Whether `parse` starts a process for a file: it may take long, and much memory. */
export function isReadInChild(bytes: Uint8Array, file: DeclaredFile): boolean {
  return bytes.length > 0 && isFormatMediaType(sniffType(bytes, file));
}

function textParser(mediaType: string, format: TextFormat): Parser {
  return async (bytes, file) => {
    const isLarge = bytes.length > largeTextBytes;
    if (isLarge) endIdleChild();
    dieOf(bytes);
    const text = decodeText(bytes, { charset: declaredCharset(file.contentType), takesOver: true });
    if (isLarge) letGo(bytes);
    return { text, format, mediaType };
  };
}

/** Of these a text needs the memory that a child keeps, and that of its own bytes. */
const largeTextBytes = 16_000_000;

/** The memory is free at once, and not when the collector comes to it: the text is beside it already. */
function letGo({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Office files under a password, and those of before 2007, which nothing here reads. */
async function refuseOle(bytes: Uint8Array): Promise<never> {
  if (isEncryptedOle(bytes)) throw new DocumentError('encrypted_file', 'The file is encrypted.');
  throw new DocumentError(
    'unsupported_media_type',
    'Office files of before 2007 cannot be read; save it in a newer format.',
  );
}

/** A file that only begins as another type than it claims, and is not of that type either, is not a broken file of that type. */
function asWhatItSays(error: unknown, mediaType: string, file: DeclaredFile): unknown {
  const isBroken = error instanceof DocumentError && error.code === 'corrupt_file';
  if (!isBroken || agreesWith(mediaType, file)) return error;
  return new DocumentError('unsupported_media_type', 'The file is not what it says it is.', { cause: error });
}
