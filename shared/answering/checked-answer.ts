import type { SearchHit } from '../retrieval/search.ts';
import { AnswerScanner } from './answer-scanner.ts';
import type { Reference } from './citation-mark.ts';
import { chunkOfSpan, foldedText, type Passage, type QuotedChunk } from './passages.ts';
import type { Prompt } from './prompt.ts';
import { PromptLeak } from './prompt-leak.ts';
import { findQuote } from './quote.ts';
import { supportingSentence } from './support.ts';

/** A mark that survived: `[n]` in the answer. */
export interface Citation {
  readonly n: number;
  readonly hit: SearchHit;
  /** Verbatim from the chunk. */
  readonly quote: string;
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
  private readonly found: Citation[] = [];
  private readonly parts: string[] = [];
  private statement = '';
  /** Blanks that wait for what follows: a mark that is removed takes them along. */
  private blanks = '';
  private leftOut = false;
  private isAfterMark = false;
  private removedMarks = 0;
  private told = false;

  constructor(passages: readonly Passage[], prompt: Pick<Prompt, 'instructions' | 'fence'>) {
    this.passages = new Map(passages.map((passage) => [passage.n, passage]));
    this.scanner = new AnswerScanner((n, words) => this.isInSource(n, words));
    this.leak = new PromptLeak(prompt.instructions, prompt.fence);
  }

  /** The text that may be shown of what has come so far, and has not been shown yet. */
  push(delta: string): string {
    return this.pass(this.scanner.push(delta));
  }

  end(): string {
    return this.pass(this.scanner.end());
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

  /** True once the model began to tell its instructions: nothing more is given out. */
  get leaked(): boolean {
    return this.told;
  }

  private pass(pieces: ReturnType<AnswerScanner['push']>): string {
    let shown = '';
    for (const piece of pieces) {
      if (this.told) break;
      const text = this.written(piece);
      if (text === '') continue;
      if (this.leak.tells(text)) {
        this.told = true;
        break;
      }
      shown += text;
    }
    if (shown !== '') this.parts.push(shown);
    return shown;
  }

  private written(piece: ReturnType<AnswerScanner['push']>[number]): string {
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
    const quoted = passage && (quote === null ? this.supported(passage) : quotedBy(passage, quote));
    if (!quoted) {
      this.removedMarks += 1;
      return undefined;
    }
    const same = this.found.find((one) => one.hit.chunkId === quoted.hit.chunkId && one.quote === quoted.quote);
    if (same) return same.n;
    const citation = { n: this.found.length + 1, ...quoted };
    this.found.push(citation);
    return citation.n;
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
