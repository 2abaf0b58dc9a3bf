import type { SearchHit } from '../retrieval/search.ts';
import { type AnswerPiece, AnswerScanner } from './answer-scanner.ts';
import type { Reference } from './citation-mark.ts';
import { KnownNumbers } from './known-numbers.ts';
import { NumberCheck } from './number-check.ts';
import { chunkOfSpan, citedValues, foldedText, type Passage, type QuotedChunk } from './passages.ts';
import { nothingFound, type Prompt } from './prompt.ts';
import { PromptLeak } from './prompt-leak.ts';
import type { QueryResult } from './query-result.ts';
import { findQuote } from './quote.ts';
import { supportingSentence } from './support.ts';

/** A mark that survived: `[n]` in the answer. */
export type Citation = QuoteCitation | ValueCitation;

/** Words of a chunk. */
export interface QuoteCitation {
  readonly kind: 'document';
  readonly n: number;
  readonly hit: SearchHit;
  /** Verbatim from the chunk. */
  readonly quote: string;
}

/** A value of what a query gave. */
export interface ValueCitation {
  readonly kind: 'sql';
  readonly n: number;
  readonly result: QueryResult;
  /** As it stands in the rows, or follows from them. */
  readonly value: string;
}

const endOfStatement = /[.!?。！？]["”')\]]?\s|\n/gu;
const longestStatement = 500;
const removedUrl = '(link removed)';

/**
 * Checks an answer while it comes. A mark is given out as `[n]` once its quote was found in the source that it names, and left out
 * otherwise, so that what was given out never has to be taken back: quotes that stand nowhere, or in another source, or in two
 * places. Addresses are kept only where a source has them; a prompt that is told is refused.
 */
export class CheckedAnswer {
  private readonly passages: ReadonlyMap<number, Passage>;
  private readonly scanner: AnswerScanner;
  private readonly leak: PromptLeak;
  /** Where numbers came from a database, no other may stand beside them unmarked. */
  private readonly numbers: NumberCheck | null;
  private readonly found: Citation[] = [];
  private readonly parts: string[] = [];
  private statement = '';
  /** Blanks that wait for what follows: a mark that is removed takes them along. */
  private blanks = '';
  private leftOut = false;
  private isAfterMark = false;
  private removedMarks = 0;
  private told = false;

  constructor(passages: readonly Passage[], prompt: Pick<Prompt, 'instructions' | 'fence'>, question?: string) {
    this.passages = new Map(passages.map((passage) => [passage.n, passage]));
    this.numbers = passages.some(({ result }) => result) ? new NumberCheck(knownNumbers(passages, question)) : null;
    this.scanner = new AnswerScanner((n, words) => this.isInSource(n, words));
    this.leak = new PromptLeak(prompt.instructions, prompt.fence);
  }

  /** The text that may be shown of what has come so far, and has not been shown yet. */
  push(delta: string): string {
    return this.pass(this.scanner.push(delta));
  }

  end(): string {
    return this.pass(this.scanner.end()) + this.passText(this.numbers?.flush() ?? '') + this.citeUnmarked();
  }

  get text(): string {
    return this.parts.join('');
  }

  get citations(): readonly Citation[] {
    return this.found;
  }

  /** Marks that named no source, or whose quote does not stand there. */
  get removed(): number {
    return this.removedMarks;
  }

  /** Numbers that stand in no row and in no source. */
  get unverifiedNumbers(): number {
    return this.numbers?.unverified ?? 0;
  }

  /** True once the model began to tell its instructions: nothing more is given out. */
  get leaked(): boolean {
    return this.told;
  }

  private pass(pieces: readonly AnswerPiece[]): string {
    let shown = '';
    for (const piece of pieces) {
      // A number ends where a mark begins.
      if (piece.type !== 'text') shown += this.passText(this.numbers?.flush() ?? '');
      if (piece.type !== 'text' || !this.numbers) shown += this.passPiece(piece);
      else shown += this.passText(this.numbers.push(piece.text));
    }
    return shown;
  }

  private passText(text: string): string {
    return text === '' ? '' : this.passPiece({ type: 'text', text });
  }

  private passPiece(piece: AnswerPiece): string {
    if (this.told) return '';
    const text = this.written(piece);
    if (text === '') return '';
    if (this.leak.tells(text)) {
      this.told = true;
      return '';
    }
    this.parts.push(text);
    return text;
  }

  /** A model that tells what rows say and sets no mark: what it says is found in them all the same. */
  private citeUnmarked(): string {
    if (this.told || this.text.trim() === nothingFound) return '';
    let added = '';
    for (const { result } of this.passages.values()) {
      if (!result || this.found.some((one) => one.kind === 'sql' && one.result === result)) continue;
      const value = citedValues(result).supporting(this.text);
      if (value !== undefined) added += ` [${this.cite({ kind: 'sql', result, value })}]`;
    }
    if (added !== '') this.parts.push(added);
    return added;
  }

  private written(piece: AnswerPiece): string {
    if (piece.type === 'mark') return this.writtenMarks(piece.references);
    if (piece.type === 'nothing') return this.writtenNothing();
    const text = piece.type === 'url' ? this.writtenUrl(piece.url) : piece.text;
    if (text.trim() === '') {
      // Blanks on both sides of what was left out are one.
      if (!this.leftOut || this.blanks === '' || text.includes('\n'))
        this.blanks = this.leftOut ? text : this.blanks + text;
      return '';
    }
    const isClosing = this.leftOut && /^[.,;:!?)]/u.test(text);
    // A mark, or what stood before something that was left out, must not become a link or an image with what follows.
    const isGlued = (this.leftOut || this.isAfterMark) && this.blanks === '' && /^[([]/u.test(text);
    const whole = (isClosing ? '' : isGlued ? ' ' : this.blanks) + text;
    this.blanks = '';
    this.leftOut = false;
    this.isAfterMark = false;
    this.remember(whole);
    return whole;
  }

  private writtenMarks(references: readonly Reference[]): string {
    const marks = references.map((reference) => this.check(reference)).filter((n) => n !== undefined);
    if (marks.length === 0) return this.writtenNothing();
    const text = this.blanks + [...new Set(marks)].map((n) => `[${n}]`).join('');
    this.blanks = '';
    this.leftOut = false;
    this.isAfterMark = true;
    return text;
  }

  private writtenNothing(): string {
    this.leftOut = true;
    return '';
  }

  /** @returns the number of the citation in the answer; undefined for one that does not hold */
  private check({ n, quote }: Reference): number | undefined {
    const passage = this.passages.get(n);
    const holds = passage && (passage.result ? this.valueIn(passage.result, quote) : this.quoteIn(passage, quote));
    if (holds) return this.cite(holds);
    this.removedMarks += 1;
    return undefined;
  }

  private cite(citation: Unnumbered): number {
    const same = this.found.find((one) => isSame(one, citation));
    if (same) return same.n;
    const n = this.found.length + 1;
    this.found.push({ n, ...citation });
    return n;
  }

  private quoteIn(passage: Passage, quote: string | null): Unnumbered | undefined {
    const quoted = quote === null ? this.supported(passage) : quotedBy(passage, quote);
    return quoted && { kind: 'document', ...quoted };
  }

  private valueIn(result: QueryResult, quote: string | null): Unnumbered | undefined {
    const values = citedValues(result);
    const value = quote === null ? values.supporting(this.statement) : values.quoted(quote);
    return value === undefined ? undefined : { kind: 'sql', result, value };
  }

  private supported(passage: Passage): QuotedChunk | undefined {
    const span = supportingSentence(passage.text, this.statement);
    return span && chunkOfSpan(passage, span);
  }

  private isInSource(n: number, words: string): boolean {
    const passage = this.passages.get(n);
    return passage !== undefined && foldedText(passage).find(words) !== undefined;
  }

  /** What stands in no source may carry what somebody asked to a stranger. */
  private writtenUrl(url: string): string {
    const isFromASource = [...this.passages.values()].some(({ text }) => {
      const at = text.indexOf(url);
      return at >= 0 && !/[\w/?#=&%-]/u.test(text.charAt(at + url.length));
    });
    return isFromASource && /^https?:\/\//iu.test(url) ? url : removedUrl;
  }

  /** The statement that a mark without a quote stands behind: the sentence that is being written, or has just been. */
  private remember(text: string): void {
    const all = (this.statement + text).slice(-longestStatement);
    const ends = [...all.matchAll(endOfStatement)].map((match) => match.index + match[0].length);
    const last = ends.findLast((end) => all.slice(end).trim() !== '');
    this.statement = last === undefined ? all : all.slice(last);
  }
}

function quotedBy(passage: Passage, quote: string): QuotedChunk | undefined {
  const span = findQuote(foldedText(passage), quote);
  return span && chunkOfSpan(passage, span);
}

type Unnumbered = Omit<QuoteCitation, 'n'> | Omit<ValueCitation, 'n'>;

function isSame(one: Citation, other: Unnumbered): boolean {
  if (one.kind === 'document')
    return other.kind === 'document' && one.hit.chunkId === other.hit.chunkId && one.quote === other.quote;
  return other.kind === 'sql' && one.result === other.result && one.value === other.value;
}

/** What the rows and the documents say, the question repeats, and the statement asks for. */
function knownNumbers(passages: readonly Passage[], question = ''): KnownNumbers {
  const known = new KnownNumbers();
  known.addText(question);
  for (const { text, result } of passages) {
    if (!result) known.addText(text);
    else {
      known.addResult(result);
      known.addText(result.statement);
    }
  }
  return known;
}
