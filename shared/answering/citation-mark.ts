/** `[3: "words"]`, or `[3]` where a model does not quote. */
export interface Reference {
  readonly n: number;
  readonly quote: string | null;
}

export interface CitationMark {
  readonly references: readonly Reference[];
  /** In the text that it was read from. */
  readonly length: number;
}

/** Whether a source has these words, blanks folded. */
export type IsInSource = (n: number, words: string) => boolean;

const closers: Readonly<Record<string, string>> = { '"': '"”', '“': '"”', '„': '"“”', "'": "'’", '‘': "'’" };
const opening = /^[[【]\s*/u;
const number = /^\^?(?:sources?\s*)?(\d{1,3})(?!\d)\s*/iu;
const numberBeginning = /^\^?(?:s(?:o(?:u(?:r(?:c(?:e(?:s\s*|\s+)?)?)?)?)?)?)?$/iu;
const beforeQuote = /^[:,]?\s*(?=["“„'‘])/u;
const separator = /^[,;]\s*/u;
const end = /^[\]】]/u;

/**
 * Reads a citation mark at the beginning of a text: numbers, each with a quote or without, between brackets. A quote ends at a
 * quotation mark that is followed by the bracket or by the next number, so it may itself hold either. Where the source has both, and
 * then the text that follows, the quote continues as well.
 * @param isWhole nothing more comes
 * @returns undefined when the text begins with no mark; `incomplete` when what follows may still make it one
 */
export function readCitationMark(
  text: string,
  isInSource: IsInSource = () => false,
  isWhole = true,
): CitationMark | 'incomplete' | undefined {
  let at = opening.exec(text)?.[0].length ?? 0;
  if (at === 0) return undefined;
  const references: Reference[] = [];
  for (;;) {
    const rest = text.slice(at);
    const found = number.exec(rest);
    if (!found) return numberBeginning.test(rest) ? 'incomplete' : undefined;
    at += found[0].length;
    const intro = beforeQuote.exec(text.slice(at))?.[0];
    let quote: string | null = null;
    if (intro !== undefined) {
      const start = at + intro.length;
      const close = closingQuote(text, start, (words) => isInSource(Number(found[1]), words), isWhole);
      if (close === undefined) return 'incomplete';
      quote = text.slice(start + 1, close.quoteEnd);
      at = close.next;
    }
    references.push({ n: Number(found[1]), quote });
    const tail = text.slice(at);
    if (end.test(tail)) return { references, length: at + 1 };
    if (tail === '' || /^:\s*$/u.test(tail)) return 'incomplete';
    const gap = separator.exec(tail)?.[0];
    if (gap === undefined) return undefined;
    at += gap.length;
  }
}

const afterQuote = /^\s*(?:[\]】]|[,;]\s*(?:sources?\s*)?\^?\d)/iu;
/** A closing quotation mark is followed by blanks, a separator and the beginning of a number. */
const longestTail = 40;

/** This much of the following text decides whether a quote continues. */
const tellingLength = 12;
/** A quote that could end in more places ends in the last of these: each costs a look into the source. */
const mostEndsInside = 8;

interface QuoteEnd {
  readonly quoteEnd: number;
  /** Where what stands behind the quote begins. */
  readonly next: number;
}

function closingQuote(
  text: string,
  start: number,
  isInSource: (words: string) => boolean,
  isWhole: boolean,
): QuoteEnd | undefined {
  const closing = closers[text.charAt(start)] ?? '"';
  let first: QuoteEnd | undefined;
  let inside = 0;
  for (let i = start + 1; i < text.length; i += 1) {
    if (!closing.includes(text.charAt(i))) continue;
    const tail = text.slice(i + 1, i + 1 + longestTail);
    if (!afterQuote.test(tail)) continue;
    const next = i + 1 + (/^\s*/u.exec(tail)?.[0].length ?? 0);
    first ??= { quoteEnd: i, next };
    if (inside >= mostEndsInside || !isInSource(text.slice(start + 1, next + 1))) return { quoteEnd: i, next };
    inside += 1;
    const following = text.slice(next + 1, next + 1 + tellingLength);
    if (following.length < tellingLength && !isWhole) return undefined;
    if (!goesOn(text.slice(start + 1, next + 1), following, isInSource)) return { quoteEnd: i, next };
  }
  // It never ended where the source would have it end.
  return isWhole ? first : undefined;
}

const endOfQuote = /^["“”'’]\s*[\]】,;]/u;

/** Whether the source has what follows as well: all of it, or up to where the quote ends. */
function goesOn(quoted: string, following: string, isInSource: (words: string) => boolean): boolean {
  if (following.trim() !== '' && isInSource(quoted + following)) return true;
  for (let i = 0; i < following.length; i += 1) {
    if (endOfQuote.test(following.slice(i))) return isInSource(quoted + following.slice(0, i));
  }
  return false;
}
