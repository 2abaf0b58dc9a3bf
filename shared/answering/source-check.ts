import type { UnnumberedCitation } from './citation.ts';
import type { Reference } from './citation-mark.ts';
import { chunkOfSpan, citedValues, foldedText, type Passage, type QuotedChunk } from './passages.ts';
import type { QueryResult } from './query-result.ts';
import { findQuote } from './quote.ts';
import { supportingSentence } from './support.ts';

/** Checks the references of an answer against the sources that the model was given. */
export class SourceCheck {
  private readonly passages: ReadonlyMap<number, Passage>;

  constructor(passages: readonly Passage[]) {
    this.passages = new Map(passages.map((passage) => [passage.n, passage]));
  }

  /** @returns what the mark cites; undefined for one that does not hold */
  cited({ n, quote }: Reference, statement: string): UnnumberedCitation | undefined {
    const passage = this.passages.get(n);
    return passage && (passage.result ? valueIn(passage.result, quote, statement) : quoteIn(passage, quote, statement));
  }

  isInSource(n: number, words: string): boolean {
    const passage = this.passages.get(n);
    return passage !== undefined && foldedText(passage).find(words) !== undefined;
  }

  /** A URL that is in no source might leak the question to a stranger. */
  hasUrl(url: string): boolean {
    const isFromASource = [...this.passages.values()].some(({ text }) => {
      const at = text.indexOf(url);
      return at >= 0 && !/[\w/?#=&%-]/u.test(text.charAt(at + url.length));
    });
    return isFromASource && /^https?:\/\//iu.test(url);
  }

  /** What databases gave. */
  get results(): readonly QueryResult[] {
    return [...this.passages.values()].flatMap(({ result }) => result ?? []);
  }
}

/** @param statement the sentence before a mark without a quote */
function quoteIn(passage: Passage, quote: string | null, statement: string): UnnumberedCitation | undefined {
  const quoted = quote === null ? supported(passage, statement) : quotedBy(passage, quote);
  return quoted && { kind: 'document', ...quoted };
}

function valueIn(result: QueryResult, quote: string | null, statement: string): UnnumberedCitation | undefined {
  const values = citedValues(result);
  const value = quote === null ? values.supporting(statement) : values.quoted(quote);
  return value === undefined ? undefined : { kind: 'sql', result, value };
}

function supported(passage: Passage, statement: string): QuotedChunk | undefined {
  const span = supportingSentence(passage.text, statement);
  return span && chunkOfSpan(passage, span);
}

function quotedBy(passage: Passage, quote: string): QuotedChunk | undefined {
  const span = findQuote(foldedText(passage), quote);
  return span && chunkOfSpan(passage, span);
}
