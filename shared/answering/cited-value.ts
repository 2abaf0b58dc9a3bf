import { KnownNumbers, writtenNumber } from './known-numbers.ts';
import { cellText, type QueryResult } from './query-result.ts';

const fewestLetters = 2;

/** The values of a result that can be cited. Built once per result. */
export class CitedValues {
  private readonly numbers = new KnownNumbers();
  private readonly texts = new Map<string, string>();
  private readonly names: ReadonlySet<string>;
  private readonly isEmpty: boolean;

  constructor(result: QueryResult) {
    this.numbers.addResult(result);
    this.names = new Set(result.columns.map(fold));
    this.isEmpty = result.rows.length === 0 && !result.truncated;
    for (const cell of result.rows.flat()) {
      const text = cellText(cell);
      if (cell !== null) this.texts.set(fold(text), text);
    }
  }

  /**
   * The value that a quote names, recomputed from the rows: a cell, or a number that follows from them.
   * @returns undefined when any part of the quote is in no row
   */
  quoted(quote: string): string | undefined {
    const whole = this.valueOf(quote);
    if (whole !== undefined) return whole;
    if (this.isEmpty && /\bno rows\b/i.test(quote)) return '0';
    const parts = quote.split(/\s*[|;=]\s*|:\s+|,\s+/).filter((part) => part.trim() !== '');
    const values = parts.filter((part) => !this.names.has(fold(part))).map((part) => this.valueOf(part));
    if (values.length > 0 && values.every((value) => value !== undefined)) return preferNumber(values);
    const numbers = [...quote.matchAll(writtenNumber)].map(([number]) => this.numbers.find(number));
    return numbers.length > 0 && numbers.every((number) => number !== undefined) ? numbers[0] : undefined;
  }

  /** The value that a statement contains: its last number that follows from the rows, otherwise the longest cell that it repeats. */
  supporting(statement: string): string | undefined {
    const numbers = [...statement.matchAll(writtenNumber)].map(([number]) => this.numbers.find(number));
    const last = numbers.findLast((number) => number !== undefined);
    if (last !== undefined) return last;
    const said = fold(statement);
    const cells = [...this.texts].filter(([folded]) => folded.length >= fewestLetters && includesWord(said, folded));
    const [longest] = cells.toSorted(([one], [other]) => other.length - one.length);
    return longest?.[1] ?? (this.isEmpty && /\b(no|none|nothing|zero)\b/i.test(statement) ? '0' : undefined);
  }

  private valueOf(text: string): string | undefined {
    const trimmed = text.trim();
    const cell = this.texts.get(fold(trimmed));
    if (cell !== undefined) return cell;
    const [number] = trimmed.match(writtenNumber) ?? [];
    return number === trimmed ? this.numbers.find(number) : undefined;
  }
}

const fold = (text: string): string => text.replace(/\s+/g, ' ').trim();
const preferNumber = (values: readonly (string | undefined)[]): string | undefined =>
  values.find((value) => value !== undefined && /^-?\d/.test(value)) ?? values[0];

function includesWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const isWhole = !/[\p{L}\p{N}]/u.test(text.charAt(at - 1)) && !/[\p{L}\p{N}]/u.test(text.charAt(at + word.length));
    if (isWhole) return true;
  }
  return false;
}
