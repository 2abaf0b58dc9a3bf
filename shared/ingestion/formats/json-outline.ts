import { DocumentError } from '../../core/document-errors.ts';

const deepest = 200;
const mostValues = 10_000_000;

/** Values that are parsed in one piece: what stands between two positions of the text. */
export interface JsonPart {
  readonly start: number;
  readonly end: number;
  /** The part is some elements of an array, without its brackets. */
  readonly isElements: boolean;
}

/** How many values one part has at most, where it can be parted: about 100 MB as objects. */
const valuesOfPart = 1_000_000;
/** The most that one value, which cannot be parted, may hold. */
const valuesOfOne = 3_000_000;

/**
 * One pass over the text of one or more JSON values that finds where they can be parsed piece by piece, before anything is built
 * in memory. What it passes is not yet valid JSON.
 * @throws DocumentError `file_expands_too_far` for more than 200 levels, 10 million values, or 3 million that cannot be parted
 */
export function jsonParts(text: string): JsonPart[] {
  const scan = new Scan();
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      scan.value(at);
      at = endOfString(text, at);
    } else if (code === openBrace || code === openBracket) scan.open(at, code === openBracket);
    else if (code === closeBrace || code === closeBracket) scan.close(at);
    else if (code === comma || code === colon) scan.separator(at, code === comma);
    else if (!isSpace(code)) {
      scan.value(at);
      while (at + 1 < text.length && !endsScalar(text.charCodeAt(at + 1))) at += 1;
    } else continue;
    scan.afterToken(at + 1);
  }
  return scan.finish(text.length);
}

const quote = 34;
const comma = 44;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

function endsScalar(code: number): boolean {
  return isSpace(code) || [quote, comma, colon, openBracket, closeBracket, openBrace, closeBrace].includes(code);
}

/** @returns the position of the closing quote, or the last one of the text */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === backslash) at += 1;
    else if (code === quote) return at;
  }
  return text.length;
}

class Scan {
  private readonly parts: JsonPart[] = [];
  private depth = 0;
  private values = 0;
  /** Where the root value or the current part of it begins, and how many values that has. */
  private start = -1;
  private held = 0;
  private rootIsArray = false;
  private isElements = false;

  open(at: number, isArray: boolean): void {
    this.value(at);
    if (this.depth === 0) this.rootIsArray = isArray;
    this.depth += 1;
    if (this.depth > deepest) throw tooFar('The file is nested too deeply.');
  }

  close(at: number): void {
    // Nothing to close: parsed alone, it will be refused.
    if (this.depth === 0) this.value(at);
    this.depth = Math.max(0, this.depth - 1);
    // The last elements of an array that was parted: without its bracket.
    if (this.depth === 0 && this.isElements) this.take(at);
  }

  value(at: number): void {
    this.values += 1;
    this.held += 1;
    if (this.values > mostValues || this.held > valuesOfOne) throw tooFar('The file holds too many values.');
    if (this.start < 0) this.start = at;
  }

  /** A comma or colon; between root values there is none. */
  separator(at: number, isComma: boolean): void {
    if (this.depth === 0) this.value(at);
    if (!isComma || this.depth !== 1 || !this.rootIsArray || this.held < valuesOfPart) return;
    if (!this.isElements) this.start += 1;
    this.isElements = true;
    this.take(at);
    this.isElements = true;
    this.start = at + 1;
  }

  /** A root value ends where its brackets do. */
  afterToken(end: number): void {
    if (this.depth === 0 && this.start >= 0) this.take(end);
  }

  finish(end: number): JsonPart[] {
    if (this.start >= 0) this.take(end);
    return this.parts;
  }

  private take(end: number): void {
    this.parts.push({ start: this.start, end, isElements: this.isElements });
    this.start = -1;
    this.held = 0;
    this.isElements = false;
  }
}

function tooFar(message: string): DocumentError {
  return new DocumentError('file_expands_too_far', message);
}
