import { Anchors } from './anchors.ts';
import { strength, type TextFormat, type Whole } from './boundary-kinds.ts';
import { LineReader } from './line-reader.ts';
import type { Heading } from './markdown-lines.ts';
import { sentenceStarts } from './sentences.ts';

/** So many positions behind the reader are let go at a time. */
const kept = 4_096;

/**
 * Where a text may be cut, ascending by position: a cut at `positions[i]` is as good as `strengths[i]`. Read as far as it is asked
 * for and let go behind the reader, so memory does not grow with the text.
 */
export class Boundaries {
  readonly positions: number[] = [];
  readonly strengths: number[] = [];
  /** Headings that were read, oldest first; the consumer removes each one that it has passed. */
  readonly headings: Heading[] = [];
  /** Where every splitting cuts, ascending. */
  readonly anchors: number[] = [];
  private readonly finder: Anchors;
  private readonly wholes: Whole[] = [];
  private readonly reading: Generator<number>;
  private isRead = false;

  /** @param radiusTokens how far an anchor outranks its neighbours */
  constructor(text: string, format: TextFormat, radiusTokens: number) {
    this.finder = new Anchors(text, radiusTokens, this.anchors);
    this.reading = readBoundaries(text, new LineReader(text, format, this.headings, this.wholes));
  }

  /** Afterwards all boundaries, anchors, headings and wholes that begin at or before `position` are known. */
  readTo(position: number): void {
    while (!this.isRead && (this.positions.at(-1) ?? -1) <= position + this.finder.radius) this.readOne();
  }

  private readOne(): void {
    const { value, done } = this.reading.next();
    if (done) {
      this.isRead = true;
      this.finder.finish();
      return;
    }
    const position = Math.floor(value / packing);
    this.positions.push(position);
    this.strengths.push(value % packing);
    this.finder.add(position, value % packing);
  }

  /** Nothing before `position` will be asked for again. */
  forget(position: number): void {
    const first = firstAbove(this.positions, position - 1);
    if (first >= kept) {
      this.positions.splice(0, first);
      this.strengths.splice(0, first);
    }
    this.anchors.splice(0, firstAbove(this.anchors, position - 1));
    const whole = this.wholes.findIndex(({ end }) => end > position);
    if (whole !== 0) this.wholes.splice(0, whole < 0 ? this.wholes.length : whole);
  }

  /** @returns what would be cut by a cut at `position`, which has been read */
  wholeAround(position: number): Whole | undefined {
    const whole = this.wholes.findLast(({ start }) => start < position);
    return whole && whole.end > position ? whole : undefined;
  }
}

/** A position and its strength as one number, so that a boundary costs no object. */
const packing = 8;

/** One pass over the lines: headings, fences, tables, list items, paragraphs, and sentences inside paragraphs. */
function* readBoundaries(text: string, reader: LineReader): Generator<number> {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const { value, hasSentences, next } = reader.read(start, end);
    if (value > 0 && start > 0) yield start * packing + value;
    if (hasSentences)
      for (const sentence of sentenceStarts(text, start, end)) yield sentence * packing + strength.sentence;
    start = next;
  }
  reader.finish();
}

/** @returns the index of the first value above `value`, the length where there is none */
export function firstAbove(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
