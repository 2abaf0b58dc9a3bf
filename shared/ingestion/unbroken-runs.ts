import { longestWord } from './token-counter.ts';

/** A stretch `[start, end)` of a text, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const whitespace = 1;
const letter = 2;
const digit = 3;
const other = 4;

/** By code point; 0 if not computed yet. The kernel allocates memory only for the parts that are used. */
const classes = new Uint8Array(0x110000);

/** Half the longest run that is let through, so that every longer run fills at least one aligned window of this size. */
const window = longestWord / 2;

/**
 * The parts of a text that a tokeniser may see: no run of letters, of digits or of signs inside one is longer than `longestWord`.
 * Longer runs are cut there; long whitespace is left out. Reads a few characters of each window of 128, so it costs next to nothing.
 * @param cuts further places, ascending, that no part reaches over
 */
export function* tokenizableSpans(text: string, cuts: readonly number[] = []): Generator<Span> {
  let next = 0;
  for (const { start, end } of spansBetweenRuns(text)) {
    let from = start;
    for (let cut = cuts[next]; cut !== undefined && cut < end; cut = cuts[++next]) {
      if (cut > from) yield { start: from, end: cut };
      from = Math.max(from, cut);
    }
    if (from < end) yield { start: from, end };
  }
}

function* spansBetweenRuns(text: string): Generator<Span> {
  let start = 0;
  for (let position = 0; position + window <= text.length; ) {
    const kind = classAt(text, position);
    const seenUpTo = runEnd(text, position, kind, position + window);
    if (seenUpTo < position + window) {
      position += window;
      continue;
    }
    const runStart = runBegin(text, position, kind, start);
    const end = runEnd(text, seenUpTo, kind, text.length);
    if (end - runStart > longestWord) {
      if (kind === whitespace) {
        if (runStart > start) yield { start, end: runStart };
        start = end;
      } else {
        for (let cut = runStart + longestWord; cut < end; cut += longestWord) {
          const safe = characterStart(text, cut);
          yield { start, end: safe };
          start = safe;
        }
      }
    }
    position = Math.max(position + window, Math.floor(end / window) * window);
  }
  if (start < text.length) yield { start, end: text.length };
}

/** @returns `position`, or one less where it would part a surrogate pair */
export function characterStart(text: string, position: number): number {
  const isLow = (text.charCodeAt(position) & 0xfc00) === 0xdc00;
  return isLow && (text.charCodeAt(position - 1) & 0xfc00) === 0xd800 ? position - 1 : position;
}

function runEnd(text: string, from: number, kind: number, limit: number): number {
  let end = from;
  while (end < limit && classAt(text, end) === kind) end += 1;
  return end;
}

function runBegin(text: string, from: number, kind: number, limit: number): number {
  let begin = from;
  while (begin > limit && classAt(text, begin - 1) === kind) begin -= 1;
  return begin;
}

function classAt(text: string, position: number): number {
  const unit = text.charCodeAt(position);
  const isSurrogate = (unit & 0xf800) === 0xd800;
  const code = isSurrogate ? (text.codePointAt(characterStart(text, position)) as number) : unit;
  return classes[code] || classify(code);
}

function classify(code: number): number {
  const character = String.fromCodePoint(code);
  const kind = /\s/u.test(character)
    ? whitespace
    : /\p{L}/u.test(character)
      ? letter
      : /\p{N}/u.test(character)
        ? digit
        : other;
  classes[code] = kind;
  return kind;
}
