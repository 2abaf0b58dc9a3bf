/** A part of a text, by UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Differences from the source that do not change the meaning: white space, and the shape of quotation marks. */
const alike: Readonly<Record<string, string>> = {
  '\u2018': "'",
  '\u2019': "'",
  '\u201a': "'",
  '\u201b': "'",
  '\u201c': '"',
  '\u201d': '"',
  '\u201e': '"',
  '\u201f': '"',
  '\u00ab': '"',
  '\u00bb': '"',
};
const blank = /[\s\u00a0\u200b\u2060\ufeff]/u;
const meaningful = /[\p{L}\p{N}\p{S}]/u;

/** A text with every run of blanks as one, and where each of its units stood. */
export class FoldedText {
  readonly text: string;
  private readonly original: string;
  private readonly positions: readonly number[];

  constructor(original: string) {
    this.original = original;
    const positions: number[] = [];
    let folded = '';
    for (let i = 0; i < original.length; i += 1) {
      const unit = original.charAt(i);
      const isBlank = blank.test(unit);
      if (isBlank && (folded === '' || folded.endsWith(' '))) continue;
      folded += isBlank ? ' ' : (alike[unit] ?? unit);
      positions.push(i);
    }
    this.text = folded;
    this.positions = positions;
  }

  /** The position of a quote in the original, ignoring differences in blanks; undefined if it does not occur, or has no content. */
  find(quote: string): Span | undefined {
    const folded = foldQuote(quote);
    if (!meaningful.test(folded)) return undefined;
    const at = this.text.indexOf(folded);
    if (at < 0) return undefined;
    const last = this.positions[at + folded.length - 1] as number;
    return { start: this.positions[at] as number, end: last + 1 };
  }

  slice({ start, end }: Span): string {
    return this.original.slice(start, end);
  }
}

function foldQuote(quote: string): string {
  return new FoldedText(quote).text.trim();
}

const closing = /[\s.,;:!?…]+$/u;

/**
 * The verbatim span that a model's quote names in a text. A stop or dots that the model added at the end are not held against it;
 * anything else that differs is: a quote that was put together of two places is no span.
 */
export function findQuote(text: FoldedText, quote: string): Span | undefined {
  return text.find(quote) ?? text.find(quote.replace(closing, ''));
}
