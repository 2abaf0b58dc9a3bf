import { hash } from 'node:crypto';
import { Boundaries, firstAbove } from './boundaries.ts';
import { EndChooser, skipWhitespace } from './chunk-ends.ts';
import type { ChunkLanguage } from './chunk-languages.ts';
import { detectLanguage, languageOfDocument } from './detect-language.ts';
import { HeadingPath } from './heading-path.ts';
import type { ParsedDocument } from './parsed-document.ts';
import type { TokenCounter } from './token-counter.ts';
import { TokenIndex } from './token-index.ts';
import { type Span, tokenizableSpans } from './unbroken-runs.ts';

/** Incremented whenever the same text could be split differently: it is recorded on every version, so that a deploy mixes nothing. */
export const splitterVersion = 3;

export interface ChunkingSettings {
  /** Most tokens of a chunk: 16 to 8,191. */
  readonly maxTokens: number;
  /** Most tokens that a chunk repeats of the one before it, in whole sentences or lines: at most half of `maxTokens`. */
  readonly overlapTokens: number;
}

export const defaultChunking: ChunkingSettings = { maxTokens: 400, overlapTokens: 40 };

/** The position of a chunk: `text.slice(start, end)` of the document's text is the chunk's own text. */
export interface ChunkLocation {
  readonly headings: readonly string[];
  readonly start: number;
  readonly end: number;
  /** From 1, for formats that have pages. */
  readonly page?: number;
  /** Where the pages after it begin, in chunks that reach over more than one. */
  readonly page_starts?: readonly number[];
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
      const location = { headings: path.at(start, end), start, end, ...pagesAndSheet(document, start, end) };
      const detected = detectLanguage(chunk, language);
      yield { ordinal, text: chunk, tokenCount, contentHash: contentHashOf(chunk), location, language: detected };
      ordinal += 1;
    }
  }
}

function pagesAndSheet(
  { pageStarts, sheets }: ParsedDocument,
  position: number,
  end: number,
): Pick<ChunkLocation, 'page' | 'page_starts' | 'sheet'> {
  const sheet = sheets?.findLast(({ start }) => start <= position)?.name;
  const page = pageStarts && Math.max(1, firstAbove(pageStarts, position));
  const further = pageStarts?.slice(page, firstAbove(pageStarts, end - 1)) ?? [];
  return {
    ...(page === undefined ? {} : { page }),
    ...(further.length === 0 ? {} : { page_starts: further }),
    ...(sheet === undefined ? {} : { sheet }),
  };
}

/** From Node's pool: a buffer of its own for each of 100,000 hashes takes 250 bytes more. */
export function contentHashOf(text: string): Buffer {
  return Buffer.from(hash('sha256', text, 'binary'), 'latin1');
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
