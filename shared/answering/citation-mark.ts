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

const closers: Readonly<Record<string, string>> = { '"': '"”', '“': '"”', '„': '"“”', "'": "'’", '‘': "'’" };
const opening = /^[[【]\s*/u;
const number = /^\^?(?:sources?\s*)?(\d{1,3})(?!\d)\s*/iu;
const numberBeginning = /^\^?(?:s(?:o(?:u(?:r(?:c(?:e(?:s\s*|\s+)?)?)?)?)?)?)?$/iu;
const beforeQuote = /^[:,]?\s*(?=["“„'‘])/u;
const separator = /^[,;]\s*/u;
const end = /^[\]】]/u;

/**
 * Reads a citation mark at the beginning of a text: numbers, each with a quote or without, between brackets. A quote ends at a
 * quotation mark that is followed by the bracket or by the next number, so it may itself hold either. One pass, without going back.
 * @returns undefined when the text begins with no mark; `incomplete` when what follows may still make it one
 */
export function readCitationMark(text: string): CitationMark | 'incomplete' | undefined {
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
      const close = closingQuote(text, start);
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
/** What follows a closing quotation mark is blanks, a separator and the beginning of a number. */
const longestTail = 40;

function closingQuote(text: string, start: number): { quoteEnd: number; next: number } | undefined {
  const closing = closers[text.charAt(start)] ?? '"';
  for (let i = start + 1; i < text.length; i += 1) {
    if (!closing.includes(text.charAt(i))) continue;
    const tail = text.slice(i + 1, i + 1 + longestTail);
    if (afterQuote.test(tail)) return { quoteEnd: i, next: i + 1 + (/^\s*/u.exec(tail)?.[0].length ?? 0) };
  }
  return undefined;
}
