import { type KnownNumbers, writtenNumber } from './known-numbers.ts';

/** Appended to a number with no known origin. */
const unverifiedNote = ' (unverified)';

/** The end of what came so far, where it may still become another number or a scaled one. */
const openEnd = /[\p{L}\p{N}_.,'’%-]*\d[\p{L}\p{N}_.,'’%]*(?:[\s\u00a0\u202f]+\p{L}{0,9})?$/u;
const longestHeld = 60;
/** As much of what was given out as decides whether the next digit begins a number, and whether it counts a list. */
const remembered = 4;

/** Marks numbers that neither the rows nor the sources hold, while a text comes in pieces. */
export class NumberCheck {
  private readonly known: KnownNumbers;
  private held = '';
  private before = '\n';
  private marked = 0;

  constructor(known: KnownNumbers) {
    this.known = known;
  }

  /** Numbers that were marked. */
  get unverified(): number {
    return this.marked;
  }

  /** @returns the part of the text so far that can be released */
  push(text: string): string {
    const all = this.held + text;
    const open = openEnd.exec(all.slice(-longestHeld))?.[0] ?? '';
    this.held = open.length < longestHeld ? open : '';
    return this.check(all.slice(0, all.length - this.held.length));
  }

  /** Releases what was held back: no number continues after this. */
  flush(): string {
    const rest = this.held;
    this.held = '';
    return this.check(rest);
  }

  private check(text: string): string {
    if (text === '') return '';
    const { before } = this;
    const checked = (before + text).replace(writtenNumber, (written, offset: number, whole: string) => {
      if (offset < before.length || countsAList(whole, offset, written)) return written;
      const number = written.trimEnd();
      if (this.known.find(number) !== undefined) return written;
      this.marked += 1;
      return `${number}${unverifiedNote}${written.slice(number.length)}`;
    });
    this.before = (before + text).slice(-remembered);
    return checked.slice(before.length);
  }
}

/** `1.` at the beginning of a line says which, not how many. */
function countsAList(whole: string, offset: number, written: string): boolean {
  const begins = /(?:^|\n)[^\S\n]*$/.test(whole.slice(0, offset));
  return begins && /^\d{1,2}$/.test(written) && /^[.)]\s/.test(whole.slice(offset + written.length));
}
