import { type TokenCounter, wordPattern } from './token-counter.ts';
import { characterStart } from './unbroken-runs.ts';

/** A tokeniser makes at most one token of a byte, and a UTF-16 unit is at most three bytes of UTF-8. */
const mostTokensPerUnit = 3;
const wordsAtFirst = 4_096;
/** How many words are kept behind the reader before they are released. */
const wordsKept = 65_536;

/**
 * Exact token counts of any part of a text, each word counted once: the ends of the words and the running sum of their tokens.
 * Words are read as far as they are asked for and let go behind the reader, so memory does not grow with the text.
 *
 * A part that begins or ends inside a word is counted word by word until it falls in step with the words of the whole. That is
 * exact as long as the part does not end in whitespace (the pattern looks ahead only there).
 */
export class TokenIndex {
  private readonly text: string;
  private readonly counter: TokenCounter;
  /** `ends[0]` is the start of the oldest word kept. */
  private ends: Uint32Array;
  private sums: Uint32Array;
  private length = 1;

  /** @param text a part that `tokenizableSpans` gave */
  constructor(text: string, counter: TokenCounter) {
    this.text = text;
    this.counter = counter;
    // A run without a break is cut into parts of 256 characters: for each of them, clearing more takes as long as counting.
    const words = Math.min(wordsAtFirst, text.length + 1);
    this.ends = new Uint32Array(words);
    this.sums = new Uint32Array(words);
  }

  /** Tokens of `[start, end)`; the last character must not be whitespace. */
  count(start: number, end: number): number {
    this.readTo(end);
    const { word, tokens, position } = this.inStep(start, end);
    if (position >= end) return tokens;
    const last = this.lastEndAt(end);
    const lastEnd = this.ends[last] as number;
    if (word === undefined || last < word) return tokens + this.counter.count(this.text.slice(position, end));
    const whole = (this.sums[last] as number) - (this.sums[word] as number);
    return tokens + whole + (lastEnd === end ? 0 : this.counter.count(this.text.slice(lastEnd, end)));
  }

  /** The furthest end of a word such that `[start, end)` has at most `maximum` tokens; cuts a word that has more by itself. */
  furthest(start: number, maximum: number): number {
    const { word, tokens } = this.inStep(start, this.text.length);
    if (word !== undefined && tokens <= maximum) {
      const most = (this.sums[word] as number) + maximum - tokens;
      while ((this.sums[this.length - 1] as number) <= most && this.readWord());
      const end = this.ends[lastAtMost(this.sums, this.length, most)] as number;
      if (end > start) return end;
    }
    const cut = characterStart(this.text, Math.min(this.text.length, start + Math.floor(maximum / mostTokensPerUnit)));
    return Math.max(cut, start + 1);
  }

  /** The earliest end of a word from which there are about `maximum` tokens to `end` (whole words: exact to one word at each side). */
  earliest(end: number, maximum: number): number {
    this.readTo(end);
    const last = this.lastEndAt(end);
    const least = (this.sums[last] as number) - maximum;
    const before = least <= 0 ? 0 : lastAtMost(this.sums, this.length, least - 1) + 1;
    return this.ends[Math.min(before, last)] as number;
  }

  /** Nothing before `position` will be asked for again. */
  forget(position: number): void {
    const first = this.lastEndAt(position);
    if (first < wordsKept) return;
    this.ends.copyWithin(0, first, this.length);
    this.sums.copyWithin(0, first, this.length);
    this.length -= first;
  }

  /** Counts words from `start` until one ends where a word of the whole text ends. */
  private inStep(start: number, end: number): { word?: number; tokens: number; position: number } {
    let position = start;
    let tokens = 0;
    while (position < end) {
      this.readTo(position + 1);
      const word = this.lastEndAt(position);
      if (this.ends[word] === position) return { word, tokens, position };
      const next = this.wordEnd(position);
      if (next > end) break;
      tokens += this.counter.countWord(this.text.slice(position, next));
      position = next;
    }
    return { tokens, position };
  }

  private readTo(position: number): void {
    const wanted = Math.min(position, this.text.length);
    while ((this.ends[this.length - 1] as number) < wanted) this.readWord();
  }

  private readWord(): boolean {
    const start = this.ends[this.length - 1] as number;
    if (start >= this.text.length) return false;
    if (this.length === this.ends.length) this.grow();
    const end = this.wordEnd(start);
    this.ends[this.length] = end;
    this.sums[this.length] =
      (this.sums[this.length - 1] as number) + this.counter.countWord(this.text.slice(start, end));
    this.length += 1;
    return true;
  }

  private wordEnd(start: number): number {
    wordPattern.lastIndex = start;
    if (!wordPattern.test(this.text)) throw new Error('The word pattern matches every text.');
    return wordPattern.lastIndex;
  }

  private grow(): void {
    const ends = new Uint32Array(this.ends.length * 2);
    const sums = new Uint32Array(this.sums.length * 2);
    ends.set(this.ends);
    sums.set(this.sums);
    this.ends = ends;
    this.sums = sums;
  }

  private lastEndAt(position: number): number {
    return lastAtMost(this.ends, this.length, position);
  }
}

/** @returns the last index below `length` whose value is at most `limit`; the values ascend and the first is at most `limit` */
function lastAtMost(values: Uint32Array, length: number, limit: number): number {
  let low = 0;
  let high = length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((values[middle] as number) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
