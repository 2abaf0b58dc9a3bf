import { strength, type TextFormat, type Whole } from './boundary-kinds.ts';
import {
  closesFence,
  type Heading,
  headingAt,
  isFrontMatter,
  isListItem,
  isTableRow,
  openedFence,
} from './markdown-lines.ts';

export interface LineReading {
  /** How good a cut before the line is; 0 is none. */
  readonly value: number;
  readonly hasSentences: boolean;
  /** Where the next line begins. */
  readonly next: number;
}

/** Classifies line after line, and collects headings and units to be kept whole. */
export class LineReader {
  private readonly text: string;
  private readonly isMarkdown: boolean;
  private readonly hasRecords: boolean;
  private readonly headings: Heading[];
  private readonly wholes: Whole[];
  /** The mark that ends the fence we are in: ``` or ~~~ of at least this length, or `---` of a front matter. */
  private fence: string | undefined;
  private open: Whole | undefined;
  private afterBlank = true;
  private inTable = false;

  constructor(text: string, format: TextFormat, headings: Heading[], wholes: Whole[]) {
    this.text = text;
    this.isMarkdown = format === 'markdown' || format === 'sheets';
    this.hasRecords = format === 'records' || format === 'sheets';
    this.headings = headings;
    this.wholes = wholes;
    if (this.isMarkdown && isFrontMatter(text)) this.fence = '---';
  }

  /** The line without its end is `[start, end)`. */
  read(start: number, end: number): LineReading {
    const line = this.text.slice(start, end);
    const next = end + 1;
    if (this.fence !== undefined) return { value: this.readFenced(line, start, end), hasSentences: false, next };
    if (line.trim() === '') {
      this.afterBlank = true;
      this.inTable = false;
      if (this.hasRecords) this.close(start - 1);
      return { value: 0, hasSentences: false, next };
    }
    return (this.isMarkdown && this.readMarkdown(line, start, end)) || this.readText(line, start, next);
  }

  /** The text has ended. */
  finish(): void {
    this.close(this.text.length);
  }

  private readText(line: string, start: number, next: number): LineReading {
    const value = this.lineStrength(line, start);
    if (this.hasRecords && this.afterBlank) this.begin(start);
    this.afterBlank = false;
    return { value, hasSentences: true, next };
  }

  private readFenced(line: string, start: number, end: number): number {
    // The front matter's first line opens it.
    if (start === 0) return 0;
    if (!closesFence(line, this.fence as string)) return strength.line;
    this.fence = undefined;
    this.afterBlank = true;
    this.close(end);
    return 0;
  }

  /** @returns undefined when the line is no heading, no fence and no row of a table */
  private readMarkdown(line: string, start: number, end: number): LineReading | undefined {
    const heading = headingAt(this.text, line, start, end, this.afterBlank);
    if (heading) {
      this.headings.push(heading);
      this.afterBlank = true;
      return { value: strength.section, hasSentences: false, next: Math.max(end + 1, heading.bodyStart) };
    }
    const fence = openedFence(line);
    const row = isTableRow(line);
    if (!row) this.inTable = false;
    if (fence === undefined && !row) return undefined;
    const value = row && this.inTable ? strength.line : strength.block;
    this.begin(start);
    if (row) this.close(end);
    this.fence = fence;
    this.inTable = row;
    // A table or a fence is followed by a new block, even without a blank line.
    this.afterBlank = row;
    return { value, hasSentences: false, next: end + 1 };
  }

  private lineStrength(line: string, start: number): number {
    if (this.afterBlank) return strength.block;
    if (this.hasRecords || (this.isMarkdown && isListItem(line))) return strength.line;
    return /[.!?…。！？]["'”’)\]]*\s*$/.test(this.text.slice(Math.max(0, start - 8), start))
      ? strength.sentence
      : strength.wrappedLine;
  }

  private begin(start: number): void {
    this.open = { start, end: Number.POSITIVE_INFINITY };
    this.wholes.push(this.open);
  }

  private close(end: number): void {
    if (this.open) this.open.end = end;
    this.open = undefined;
  }
}
