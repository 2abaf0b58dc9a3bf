import { DocumentError } from '../core/document-errors.ts';
import type { FormatMediaType } from './formats/media-types.ts';
import type { ParseLimits } from './parse-in-child-contract.ts';
import { ParserProcess } from './parse-in-child-process.ts';
import type { ParsedDocument } from './parsed-document.ts';
import type { DeclaredFile } from './sniff-type.ts';

/** Half a gigabyte is what is left of the function beside a file of 100 MB and its text. */
export const defaultParseLimits: ParseLimits = { memoryMegabytes: 512, timeoutMilliseconds: 60_000 };

/** A child that holds more than this share of its memory after a document, or has read so many, is not asked again. */
const mostKeptShare = 1 / 3;
const mostDocuments = 200;
/** Starting a child costs about 60 ms, keeping one about 80 MB. */
const idleMilliseconds = 10_000;

let last: Promise<unknown> = Promise.resolve();
let idle: { readonly child: ParserProcess; readonly timer: NodeJS.Timeout } | undefined;

/**
 * Parses in a process of its own, since files can make parsers take any amount of memory outside the JavaScript heap, where a
 * thread's limits do not reach. One file at a time: the limits are those of the one child that exists. A child that behaved well is
 * asked again.
 * @throws DocumentError what the parser found wrong, `file_expands_too_far` when memory or time was over, `corrupt_file` when
 *   the parser's process ended
 */
export function parseInChild(
  bytes: Uint8Array,
  file: DeclaredFile & { readonly mediaType: FormatMediaType },
  limits: ParseLimits = defaultParseLimits,
): Promise<ParsedDocument> {
  const result = last.then(() => parseNow(bytes, file, limits));
  last = result.catch(() => undefined);
  return result;
}

async function parseNow(
  bytes: Uint8Array,
  file: DeclaredFile & { readonly mediaType: FormatMediaType },
  limits: ParseLimits,
): Promise<ParsedDocument> {
  const child = takeIdle() ?? (await ParserProcess.start());
  const { mediaType, name, contentType = null } = file;
  const request = { mediaType, name, contentType, limits };
  const { header, body } = await child.parse(request, bytes).catch((error: unknown) => {
    child.end();
    throw error;
  });
  if (header.outcome !== 'parsed') {
    child.end();
    const cause = header.detail === undefined ? undefined : new Error(header.detail);
    throw new DocumentError(header.code, header.message, { cause });
  }
  const isLean = header.residentBytes < limits.memoryMegabytes * 1_000_000 * mostKeptShare;
  if (isLean && child.documents < mostDocuments) keepIdle(child);
  else child.end();
  const { format, pageStarts } = header;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(body);
  return { text, format, mediaType: header.mediaType, ...(pageStarts ? { pageStarts } : {}) };
}

function takeIdle(): ParserProcess | undefined {
  if (!idle) return undefined;
  clearTimeout(idle.timer);
  const { child } = idle;
  idle = undefined;
  return child.isAlive ? child : undefined;
}

function keepIdle(child: ParserProcess): void {
  const timer = setTimeout(() => {
    if (idle?.child === child) idle = undefined;
    child.end();
  }, idleMilliseconds).unref();
  idle = { child, timer };
}
