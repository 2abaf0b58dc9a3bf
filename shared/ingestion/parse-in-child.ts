import { DocumentError } from '../core/document-errors.ts';
import type { FormatMediaType } from './formats/media-types.ts';
import type { FinalReply, ParseLimits } from './parse-in-child-contract.ts';
import type { Frame } from './parse-in-child-frames.ts';
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

type ChildFile = DeclaredFile & { readonly mediaType: FormatMediaType };

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
  file: ChildFile,
  limits: ParseLimits = defaultParseLimits,
): Promise<ParsedDocument> {
  const result = last.then(() => parseNow(bytes, file, limits));
  last = result.catch(() => undefined);
  return result;
}

async function parseNow(bytes: Uint8Array, file: ChildFile, limits: ParseLimits): Promise<ParsedDocument> {
  const started = performance.now();
  const kept = takeIdle(limits);
  const first = kept && (await askKept(kept, bytes, file, limits));
  const { header, body } = first ?? (await askNew(bytes, file, limits, performance.now() - started));
  if (header.outcome === 'refused') {
    const cause = header.detail === undefined ? undefined : new Error(header.detail);
    throw new DocumentError(header.code, header.message, { cause });
  }
  const { format, mediaType, pageStarts, sheets } = header;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(body);
  return { text, format, mediaType, ...(pageStarts ? { pageStarts } : {}), ...(sheets ? { sheets } : {}) };
}

/**
 * Asks a child that has read other files before.
 * @returns undefined when it ended over this one early: what it still held, or a kill while it was idle, is no fault of this file
 */
async function askKept(
  child: ParserProcess,
  bytes: Uint8Array,
  file: ChildFile,
  limits: ParseLimits,
): Promise<Frame<FinalReply> | undefined> {
  const started = performance.now();
  const hasTime = (): boolean => performance.now() - started < limits.timeoutMilliseconds / 2;
  try {
    const reply = await ask(child, bytes, file, limits);
    return reply.header.residentBytes === undefined && hasTime() ? undefined : reply;
  } catch (error) {
    if (error instanceof DocumentError && hasTime()) return undefined;
    throw error;
  }
}

/** @throws DocumentError when the child ends without an answer */
async function askNew(
  bytes: Uint8Array,
  file: ChildFile,
  limits: ParseLimits,
  elapsed: number,
): Promise<Frame<FinalReply>> {
  const timeoutMilliseconds = Math.max(1, limits.timeoutMilliseconds - elapsed);
  const child = await ParserProcess.start(limits.memoryMegabytes);
  return ask(child, bytes, file, { ...limits, timeoutMilliseconds });
}

async function ask(
  child: ParserProcess,
  bytes: Uint8Array,
  { mediaType, name, contentType = null }: ChildFile,
  limits: ParseLimits,
): Promise<Frame<FinalReply>> {
  const reply = await child.parse({ mediaType, name, contentType, limits }, bytes);
  const held = reply.header.residentBytes ?? Number.POSITIVE_INFINITY;
  const isLean = held < limits.memoryMegabytes * 1_000_000 * mostKeptShare;
  if (isLean && child.documents < mostDocuments) keepIdle(child);
  else child.end();
  return reply;
}

function takeIdle({ memoryMegabytes }: ParseLimits): ParserProcess | undefined {
  if (!idle) return undefined;
  clearTimeout(idle.timer);
  const { child } = idle;
  idle = undefined;
  if (child.isAlive && child.memoryMegabytes === memoryMegabytes) return child;
  child.end();
  return undefined;
}

function keepIdle(child: ParserProcess): void {
  const timer = setTimeout(() => {
    if (idle?.child === child) idle = undefined;
    child.end();
  }, idleMilliseconds).unref();
  idle = { child, timer };
}
