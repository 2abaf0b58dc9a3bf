import { type AnswerPiece, AnswerScanner } from './answer-scanner.ts';
import { type Citation, isSameCitation, type UnnumberedCitation } from './citation.ts';
import type { Reference } from './citation-mark.ts';
import { KnownNumbers } from './known-numbers.ts';
import { NumberCheck } from './number-check.ts';
import { citedValues, type Passage } from './passages.ts';
import { nothingFound, type Prompt } from './prompt.ts';
import { PromptLeak } from './prompt-leak.ts';
import { SourceCheck } from './source-check.ts';

const endOfStatement = /[.!?。！？]["”')\]]?\s|\n/gu;
const longestStatement = 500;
const removedUrl = '(link removed)';

/**
 * Checks an answer while it streams. A mark is released as `[n]` once its quote was found in the source that it names, and dropped
 * otherwise, so that nothing released ever has to be retracted: quotes that occur nowhere, only in another source, or joined from two
 * places are dropped. URLs are kept only if a source has them; an answer that reveals the prompt is refused.
 */
export class CheckedAnswer {
  private readonly sources: SourceCheck;
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
    this.sources = new SourceCheck(passages);
    this.numbers = passages.some(({ result }) => result) ? new NumberCheck(knownNumbers(passages, question)) : null;
    this.scanner = new AnswerScanner((n, words) => this.sources.isInSource(n, words));
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

  /** True once the model started to reveal its instructions: nothing more is released. */
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

  /** A model that states values from the rows without a mark: they are found in the rows and cited anyway. */
  private citeUnmarked(): string {
    if (this.told || this.text.trim() === nothingFound) return '';
    let added = '';
    for (const result of this.sources.results) {
      if (this.found.some((one) => one.kind === 'sql' && one.result === result)) continue;
      const value = citedValues(result).supporting(this.text);
      if (value !== undefined) added += ` [${this.cite({ kind: 'sql', result, value })}]`;
    }
    if (added !== '') this.parts.push(added);
    return added;
  }

  private written(piece: AnswerPiece): string {
    if (piece.type === 'mark') return this.writtenMarks(piece.references);
    if (piece.type === 'nothing') return this.writtenNothing();
    const text = piece.type === 'url' ? this.urlOrNone(piece.url) : piece.text;
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

  private urlOrNone(url: string): string {
    return this.sources.hasUrl(url) ? url : removedUrl;
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
  private check(reference: Reference): number | undefined {
    const holds = this.sources.cited(reference, this.statement);
    if (holds) return this.cite(holds);
    this.removedMarks += 1;
    return undefined;
  }

  private cite(citation: UnnumberedCitation): number {
    const same = this.found.find((one) => isSameCitation(one, citation));
    if (same) return same.n;
    const n = this.found.length + 1;
    this.found.push({ n, ...citation });
    return n;
  }

  /** The statement that a mark without a quote stands behind: the sentence that is being written, or has just been. */
  private remember(text: string): void {
    const all = (this.statement + text).slice(-longestStatement);
    const ends = [...all.matchAll(endOfStatement)].map((match) => match.index + match[0].length);
    const last = ends.findLast((end) => all.slice(end).trim() !== '');
    this.statement = last === undefined ? all : all.slice(last);
  }
}

/** The numbers in the rows, the documents, the question and the statement. */
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
