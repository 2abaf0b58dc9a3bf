import { createHash } from 'node:crypto';
import { Boundaries, firstAbove } from './boundaries.ts';
import { strength, type Whole } from './boundary-kinds.ts';
import type { ChunkLanguage } from './chunk-languages.ts';
import { detectLanguage, languageOfDocument } from './detect-language.ts';
import { HeadingPath } from './heading-path.ts';
import type { ParsedDocument } from './parsed-document.ts';
import { longestWord, type TokenCounter } from './token-counter.ts';
import { TokenIndex } from './token-index.ts';
import { type Span, tokenizableSpans } from './unbroken-runs.ts';

/** Goes up whenever the same text could be split in another way: it stands on every version, so that a deploy mixes nothing. */
export const splitterVersion = 3;

export interface ChunkingSettings {
  /** Most tokens of a chunk: 16 to 8,191. */
  readonly maxTokens: number;
  /** Most tokens that a chunk repeats of the one before it, in whole sentences or lines: at most half of `maxTokens`. */
  readonly overlapTokens: number;
}

export const defaultChunking: ChunkingSettings = { maxTokens: 400, overlapTokens: 40 };

/** Where a chunk stands: `text.slice(start, end)` of the document's text is the chunk's own text. */
export interface ChunkLocation {
  readonly headings: readonly string[];
  readonly start: number;
  readonly end: number;
  /** From 1, for formats that have pages. */
  readonly page?: number;
  /** The sheet's name, in workbooks. */
  readonly sheet?: string;
}

export interface Chunk {
  readonly ordinal: number;
  readonly text: string;
  /** Exact, cl100k. */
  readonly tokenCount: number;
  /** SHA-256 of the text's UTF-8. */
  readonly contentHash: Buffer;
  readonly location: ChunkLocation;
  /** What its words are indexed as. */
  readonly language: ChunkLanguage;
}

/** A chunk this small is not ended by a heading: a title alone is no passage. */
const smallestSection = 1 / 8;
/** How full a chunk must be before a paragraph's end is taken, and before anything less is. */
const fullEnoughForBlock = 1 / 3;
const fullEnough = 1 / 2;
/** How far, in chunks, an anchor outranks its neighbours: less makes smaller chunks, more lets an edit change more of them. */
const anchorRadius = 1 / 2;

/**
 * Splits a document by heading, paragraph (tables, code and records are paragraphs too), line, sentence, word: at the best place that the
 * token limit allows, and at anchors, so that an edit changes the chunks around it and no others. A row of a table, a fence and a record
 * stay whole where they fit; no chunk reaches over two sheets. One pass, linear in the text; the same text and settings always give the
 * same chunks.
 */
export function* split(document: ParsedDocument, settings: ChunkingSettings, counter: TokenCounter): Generator<Chunk> {
  checkSettings(settings);
  const { text } = document;
  const boundaries = new Boundaries(text, document.format, settings.maxTokens * anchorRadius);
  const path = new HeadingPath(text, boundaries);
  const sheetStarts = document.sheets?.map(({ start }) => start);
  const language = languageOfDocument(text);
  let ordinal = 0;
  for (const span of tokenizableSpans(text, sheetStarts)) {
    for (const { start, end, tokenCount } of splitSpan(text, span, boundaries, settings, counter)) {
      const chunk = text.slice(start, end);
      const location = { headings: path.at(start, end), start, end, ...pageAndSheet(document, start) };
      const detected = detectLanguage(chunk, language);
      yield { ordinal, text: chunk, tokenCount, contentHash: contentHashOf(chunk), location, language: detected };
      ordinal += 1;
    }
  }
}

function pageAndSheet({ pageStarts, sheets }: ParsedDocument, position: number): { page?: number; sheet?: string } {
  const sheet = sheets?.findLast(({ start }) => start <= position)?.name;
  return {
    ...(pageStarts ? { page: Math.max(1, firstAbove(pageStarts, position)) } : {}),
    ...(sheet === undefined ? {} : { sheet }),
  };
}

export function contentHashOf(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

function checkSettings({ maxTokens, overlapTokens }: ChunkingSettings): void {
  if (!(Number.isInteger(maxTokens) && maxTokens >= 16 && maxTokens <= 8_191))
    throw new RangeError('maxTokens is an integer from 16 to 8,191.');
  if (!(Number.isInteger(overlapTokens) && overlapTokens >= 0 && overlapTokens <= maxTokens / 2))
    throw new RangeError('overlapTokens is an integer from 0 to half of maxTokens.');
}

function* splitSpan(
  text: string,
  span: Span,
  boundaries: Boundaries,
  settings: ChunkingSettings,
  counter: TokenCounter,
): Generator<Span & { tokenCount: number }> {
  const index = new TokenIndex(text.slice(span.start, span.end), counter);
  const chooser = new EndChooser(text, span, boundaries, index);
  let start = skipWhitespace(text, span.start, span.end);
  let covered = start;
  while (covered < span.end) {
    let chosen = chooser.choose(start, covered, settings.maxTokens);
    if (chosen === undefined) {
      // The overlap leaves no room for what comes next.
      start = covered;
      chosen = chooser.choose(start, covered, settings.maxTokens);
    }
    if (chosen === undefined) throw new Error('A chunk without overlap always takes something new.');
    yield { start, end: chosen.end, tokenCount: chosen.tokenCount };
    covered = skipWhitespace(text, chosen.cut, span.end);
    start = covered < span.end ? chooser.overlapStart(start, chosen, covered, settings.overlapTokens) : covered;
    index.forget(start - span.start);
    boundaries.forget(start);
  }
}

interface ChosenEnd {
  /** Where the chunk was cut, and its end without the whitespace before that. */
  readonly cut: number;
  readonly end: number;
  readonly tokenCount: number;
  readonly endsSection: boolean;
}

/** Finds the ends of chunks in one span; positions are those of the whole text. */
class EndChooser {
  private readonly text: string;
  private readonly span: Span;
  private readonly boundaries: Boundaries;
  private readonly index: TokenIndex;

  constructor(text: string, span: Span, boundaries: Boundaries, index: TokenIndex) {
    this.text = text;
    this.span = span;
    this.boundaries = boundaries;
    this.index = index;
  }

  /** @returns undefined when no end beyond `covered` is within the limit */
  choose(start: number, covered: number, maxTokens: number): ChosenEnd | undefined {
    // Taking the whitespace off a chunk's end can cost a token more (";\n" is one token, as ";" is, but not all signs are so lucky).
    for (let allowed = maxTokens; allowed > 0; allowed -= 1) {
      const cut = this.bestCut(start, covered, allowed);
      if (cut <= covered) return undefined;
      const end = trimEnd(this.text, start, cut);
      const tokenCount = this.tokens(start, end);
      if (tokenCount <= maxTokens)
        return { cut, end, tokenCount, endsSection: this.strengthAt(cut) === strength.section };
    }
    return undefined;
  }

  /** The earliest sentence or line from which at most `overlapTokens` are repeated; `next` where there is none. */
  overlapStart(start: number, chosen: ChosenEnd, next: number, overlapTokens: number): number {
    if (chosen.endsSection || overlapTokens === 0) return next;
    const about = this.span.start + this.index.earliest(chosen.end - this.span.start, overlapTokens);
    const { positions } = this.boundaries;
    for (let i = firstAbove(positions, Math.max(start, about - 1)); (positions[i] ?? chosen.end) < chosen.end; i += 1) {
      const position = skipWhitespace(this.text, positions[i] as number, chosen.end);
      // Half of a row or of a fence says little.
      if (this.boundaries.wholeAround(position)) continue;
      if (this.tokens(position, chosen.end) <= overlapTokens) return position;
    }
    return next;
  }

  private bestCut(start: number, covered: number, maxTokens: number): number {
    const limit = this.furthest(start, maxTokens);
    this.boundaries.readTo(limit);
    const { positions, strengths } = this.boundaries;
    const least = Math.max(covered, this.furthest(start, maxTokens * smallestSection));
    const section = this.firstSection(least, limit);
    // What fits to its end is not cut at an anchor: where that ends, every splitting cuts as well.
    if (section !== undefined) return section;
    if (limit >= this.span.end) return this.span.end;
    const anchor = this.firstAnchor(start, least, limit, maxTokens);
    if (anchor !== undefined) return anchor;
    const whole = this.fittingWholeAround(start, limit, maxTokens);
    const beside = whole && this.cutBeside(whole, start, maxTokens);
    if (beside !== undefined) return beside;
    const blockFloor = Math.max(covered, this.furthest(start, maxTokens * fullEnoughForBlock));
    const floor = Math.max(covered, this.furthest(start, maxTokens * fullEnough));
    let best: number | undefined;
    for (let i = firstAbove(positions, limit) - 1; (positions[i] ?? 0) > blockFloor; i -= 1) {
      const enough = (strengths[i] as number) >= strength.block || (positions[i] as number) > floor;
      if (enough && (best === undefined || (strengths[i] as number) > (strengths[best] as number))) best = i;
    }
    return best === undefined ? this.wordCut(floor, limit) : (positions[best] as number);
  }

  /** @returns what a cut at `position` would part, if it fits into a chunk */
  private fittingWholeAround(start: number, position: number, maxTokens: number): Whole | undefined {
    const whole = this.boundaries.wholeAround(position);
    // One that began before this chunk was cut already, since it does not fit; to look at it again would take all of its length.
    if (!whole || whole.start < start) return undefined;
    // A word that reaches over the end (a fence and the line end behind it) may count more than its part.
    const reach = this.furthest(whole.start, maxTokens) + longestWord;
    this.boundaries.readTo(reach);
    if (whole.end > Math.min(reach, this.span.end)) return undefined;
    return this.tokens(whole.start, trimEnd(this.text, whole.start, whole.end)) <= maxTokens ? whole : undefined;
  }

  private cutBeside(whole: Whole, start: number, maxTokens: number): number | undefined {
    const end = trimEnd(this.text, whole.start, whole.end);
    if (this.tokens(start, end) <= maxTokens) return end;
    return whole.start > start ? whole.start : undefined;
  }

  private firstAnchor(start: number, from: number, to: number, maxTokens: number): number | undefined {
    const { anchors } = this.boundaries;
    for (let i = firstAbove(anchors, from); (anchors[i] ?? Number.POSITIVE_INFINITY) <= to; i += 1) {
      const anchor = anchors[i] as number;
      if (!this.fittingWholeAround(start, anchor, maxTokens)) return anchor;
    }
    return undefined;
  }

  private firstSection(from: number, limit: number): number | undefined {
    const { positions, strengths } = this.boundaries;
    for (
      let i = firstAbove(positions, from);
      (positions[i] ?? this.span.end) <= limit && i < positions.length;
      i += 1
    ) {
      if (strengths[i] === strength.section && (positions[i] as number) < this.span.end) return positions[i];
    }
    return undefined;
  }

  private wordCut(floor: number, limit: number): number {
    for (let position = limit; position > floor; position -= 1) {
      if (isWhitespace(this.text.charCodeAt(position)) || isWhitespace(this.text.charCodeAt(position - 1)))
        return position;
    }
    return limit;
  }

  private furthest(start: number, tokens: number): number {
    return this.span.start + this.index.furthest(start - this.span.start, Math.floor(tokens));
  }

  private tokens(start: number, end: number): number {
    return this.index.count(start - this.span.start, end - this.span.start);
  }

  private strengthAt(position: number): number | undefined {
    const { positions, strengths } = this.boundaries;
    const i = firstAbove(positions, position) - 1;
    return positions[i] === position ? strengths[i] : undefined;
  }
}

function isWhitespace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13) || (code >= 128 && /\s/.test(String.fromCharCode(code)));
}

function skipWhitespace(text: string, from: number, end: number): number {
  let position = from;
  while (position < end && isWhitespace(text.charCodeAt(position))) position += 1;
  return position;
}

function trimEnd(text: string, start: number, from: number): number {
  let position = from;
  while (position > start && isWhitespace(text.charCodeAt(position - 1))) position -= 1;
  return position;
}
