/** How good a place is for a cut; higher is better. */
export const strength = { wrappedLine: 1, sentence: 2, line: 3, block: 4, section: 5 } as const;

/** Blocks of `records` are rows or records, each to be kept whole; `sheets` are the same under Markdown headings. */
export type TextFormat = 'markdown' | 'plain' | 'records' | 'sheets';

/** A unit kept in one chunk if it fits: a table row, a code fence, a record. */
export interface Whole {
  readonly start: number;
  /** Infinite while its end has not been read. */
  end: number;
}
