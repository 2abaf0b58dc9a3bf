import {
  closesFence,
  type Heading,
  headingAt,
  isFrontMatter,
  isListItem,
  isTableRow,
  openedFence,
} from './markdown-lines.ts';
import { sentenceStarts } from './sentences.ts';

/** How good a place is for a cut; higher is better. */
export const strength = { wrappedLine: 1, sentence: 2, line: 3, block: 4, section: 5 } as const;

/** Where a text may be cut, ascending by position: a cut at `positions[i]` is as good as `strengths[i]`. */
export interface Boundaries {
  readonly positions: readonly number[];
  readonly strengths: readonly number[];
  readonly headings: readonly Heading[];
}

export type TextFormat = 'markdown' | 'plain';

interface Reader {
  readonly positions: number[];
  readonly strengths: number[];
  readonly headings: Heading[];
  /** The mark that ends the fence we are in: ``` or ~~~ of at least this length, or `---` of a front matter. */
  fence: string | undefined;
  afterBlank: boolean;
  inTable: boolean;
}

/** One pass over the lines: headings, fences, tables, list items, paragraphs, and sentences inside paragraphs. */
export function findBoundaries(text: string, format: TextFormat): Boundaries {
  const markdown = format === 'markdown';
  const reader: Reader = {
    positions: [],
    strengths: [],
    headings: [],
    fence: markdown && isFrontMatter(text) ? '---' : undefined,
    afterBlank: true,
    inTable: false,
  };
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    if (start > 0 || reader.fence === undefined) readLine(reader, text, start, end, markdown);
    start = Math.max(end + 1, reader.headings.at(-1)?.bodyStart ?? 0);
  }
  return reader;
}

function readLine(reader: Reader, text: string, start: number, end: number, markdown: boolean): void {
  const line = text.slice(start, end);
  if (reader.fence !== undefined) {
    if (closesFence(line, reader.fence)) {
      reader.fence = undefined;
      reader.afterBlank = true;
    } else mark(reader, start, strength.line);
    return;
  }
  if (line.trim() === '') {
    reader.afterBlank = true;
    reader.inTable = false;
    return;
  }
  if (markdown && readMarkdownLine(reader, text, line, start, end)) return;
  mark(reader, start, lineStrength(reader, text, line, start, markdown));
  reader.afterBlank = false;
  for (const sentence of sentenceStarts(text, start, end)) mark(reader, sentence, strength.sentence);
}

/** @returns whether the line was a heading, a fence or a row of a table */
function readMarkdownLine(reader: Reader, text: string, line: string, start: number, end: number): boolean {
  const heading = headingAt(text, line, start, end, reader.afterBlank);
  if (heading) {
    reader.headings.push(heading);
    mark(reader, start, strength.section);
    reader.afterBlank = true;
    return true;
  }
  const fence = openedFence(line);
  const row = isTableRow(line);
  if (!row) reader.inTable = false;
  if (fence === undefined && !row) return false;
  mark(reader, start, row && reader.inTable ? strength.line : strength.block);
  reader.fence = fence;
  reader.inTable = row;
  // What follows a table or a fence is a block of its own, even without a blank line.
  reader.afterBlank = row;
  return true;
}

function lineStrength(reader: Reader, text: string, line: string, start: number, markdown: boolean): number {
  if (reader.afterBlank) return strength.block;
  if (markdown && isListItem(line)) return strength.line;
  return /[.!?…。！？]["'”’)\]]*\s*$/.test(text.slice(Math.max(0, start - 8), start))
    ? strength.sentence
    : strength.wrappedLine;
}

function mark(reader: Reader, position: number, value: number): void {
  if (position === 0) return;
  reader.positions.push(position);
  reader.strengths.push(value);
}
