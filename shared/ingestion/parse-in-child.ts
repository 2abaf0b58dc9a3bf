import { DocumentError } from '../core/document-errors.ts';
import type { FormatMediaType } from './formats/media-types.ts';
import { askChild } from './kept-child.ts';
import type { ParseLimits } from './parse-in-child-contract.ts';
import type { ParsedDocument } from './parsed-document.ts';
import type { DeclaredFile } from './sniff-type.ts';

/** Half a gigabyte is what is left of the function beside a file of 100 MB and its text. */
export const defaultParseLimits: ParseLimits = { memoryMegabytes: 512, timeoutMilliseconds: 60_000 };

type ChildFile = DeclaredFile & { readonly mediaType: FormatMediaType };

/**
 * Parses in a process of its own, since files can make parsers take any amount of memory outside the JavaScript heap, where a
 * thread's limits do not reach.
 * @throws DocumentError what the parser found wrong, `file_expands_too_far` when memory or time was over, `corrupt_file` when
 *   the parser's process ended
 */
export async function parseInChild(
  bytes: Uint8Array,
  { name, contentType = null, mediaType: declared }: ChildFile,
  limits: ParseLimits = defaultParseLimits,
): Promise<ParsedDocument> {
  const { header, body } = await askChild({ mediaType: declared, name, contentType, limits }, bytes);
  if (header.outcome === 'refused') {
    const cause = header.detail === undefined ? undefined : new Error(header.detail);
    throw new DocumentError(header.code ?? 'corrupt_file', header.message, { cause });
  }
  if (header.outcome !== 'parsed') throw new Error('A parser was asked, and answers something else.');
  const { format, mediaType, pageStarts, sheets } = header;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(body);
  return { text, format, mediaType, ...(pageStarts ? { pageStarts } : {}), ...(sheets ? { sheets } : {}) };
}
