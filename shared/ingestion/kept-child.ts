import { DocumentError } from '../core/document-errors.ts';
import type { ChildRequest, FinalReply } from './parse-in-child-contract.ts';
import type { Frame } from './parse-in-child-frames.ts';
import { ParserProcess } from './parse-in-child-process.ts';

/** A child is replaced when it holds more than this share of its memory after a document, or has read this many. */
const mostKeptShare = 1 / 3;
/** A new child compiles and loads the tokeniser anew: 0.6 s of processor time, 3 ms a document where each read 200. */
const mostDocuments = 5_000;
/** A new child needs about 60 ms until it answers; a kept one holds about 80 MB. */
const idleMilliseconds = 10_000;

let last: Promise<unknown> = Promise.resolve();
let idle: { readonly child: ParserProcess; readonly timer: NodeJS.Timeout } | undefined;

/**
 * Asks the one child that exists: one file at a time, so the limits are those of all. A child that behaved well is asked again.
 * @throws DocumentError when the child ends without an answer
 */
export function askChild(request: ChildRequest, bytes: Uint8Array): Promise<Frame<FinalReply>> {
  const result = last.then(() => askNow(request, bytes));
  last = result.catch(() => undefined);
  return result;
}

async function askNow(request: ChildRequest, bytes: Uint8Array): Promise<Frame<FinalReply>> {
  const started = performance.now();
  const kept = takeIdle(request.limits.memoryMegabytes);
  const first = kept && (await askKept(kept, request, bytes));
  return first ?? askNew(request, bytes, performance.now() - started);
}

/**
 * Asks a child that has read other files before.
 * @returns undefined when it ended over this one early: what it still held, or a kill while it was idle, is no fault of this file
 */
async function askKept(
  child: ParserProcess,
  request: ChildRequest,
  bytes: Uint8Array,
): Promise<Frame<FinalReply> | undefined> {
  const started = performance.now();
  const hasTime = (): boolean => performance.now() - started < request.limits.timeoutMilliseconds / 2;
  try {
    const reply = await ask(child, request, bytes);
    return isLastWord(reply.header) && hasTime() ? undefined : reply;
  } catch (error) {
    if (error instanceof DocumentError && hasTime()) return undefined;
    throw error;
  }
}

/** Whether the child ended: it had used up its limits, or its thread crashed. */
export function isLastWord(reply: FinalReply): boolean {
  return reply.residentBytes === undefined;
}

/** @throws DocumentError when the child ends without an answer */
async function askNew(request: ChildRequest, bytes: Uint8Array, elapsed: number): Promise<Frame<FinalReply>> {
  const timeoutMilliseconds = Math.max(1, request.limits.timeoutMilliseconds - elapsed);
  const child = await ParserProcess.start(request.limits.memoryMegabytes);
  return ask(child, { ...request, limits: { ...request.limits, timeoutMilliseconds } }, bytes);
}

async function ask(child: ParserProcess, request: ChildRequest, bytes: Uint8Array): Promise<Frame<FinalReply>> {
  const reply = await child.ask(request, bytes);
  const held = reply.header.residentBytes ?? Number.POSITIVE_INFINITY;
  const isLean = held < request.limits.memoryMegabytes * 1_000_000 * mostKeptShare;
  if (isLean && child.documents < mostDocuments) keepIdle(child);
  else child.end();
  return reply;
}

function takeIdle(memoryMegabytes: number): ParserProcess | undefined {
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

/** Ends the idle child: its memory is needed. */
export function endIdleChild(): void {
  if (!idle) return;
  clearTimeout(idle.timer);
  idle.child.end();
  idle = undefined;
}
