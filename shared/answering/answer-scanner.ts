import { type CitationMark, type IsInSource, type Reference, readCitationMark } from './citation-mark.ts';

/** One piece of what a model wrote. */
export type AnswerPiece =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'mark'; readonly references: readonly Reference[] }
  | { readonly type: 'url'; readonly url: string }
  /** Stood where an image or a tag was. */
  | { readonly type: 'nothing' };

/** A mark, link or tag that is longer than this is none: its beginning is text. */
const longestHeld = 1_200;

const image = /!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])?/uy;
const imageBeginning = /!(?:\[[^\]]*(?:\](?:\([^)]*|\[[^\]]*)?)?)?$/uy;
const link = /\[([^[\]\n]*)\]\([^)]*\)/uy;
const linkBeginning = /\[[^[\]\n]*(?:\](?:\([^)]*)?)?$/uy;
const tag = /<(?:[a-z/!][^<>]*)>/iuy;
const tagBeginning = /<(?:[a-z/!][^<>]*)?$/iuy;
const url = /(?:https?:\/\/|ftp:\/\/|www\.)[^\s<>"'`)\]\u3011]*/iuy;
const urlBeginning =
  /(?:h(?:t(?:t(?:ps?)?)?)?|https?:\/?|f(?:t(?:p(?::\/?)?)?)?|w(?:w(?:w)?)?|(?:(?:https?|ftp):\/\/|www\.)[^\s<>"'`)\]\u3011]*)$/iuy;
const blanks = /\s+/uy;
const special = /[[\u3010!<hfw]|\s/iu;

/**
 * Cuts a streamed answer into text, citation marks and addresses. Text is given out at once; only what may still become a mark, a
 * link or a tag is held back, at most 1,200 characters of it. Markdown images and HTML tags are dropped and links become their text:
 * an answer must not make a reader's browser request anything.
 */
export class AnswerScanner {
  private readonly isInSource: IsInSource;
  private held = '';

  constructor(isInSource: IsInSource = () => false) {
    this.isInSource = isInSource;
  }

  push(delta: string): AnswerPiece[] {
    this.held += delta;
    return this.scan(false);
  }

  /** Releases what was held back: no more input follows. */
  end(): AnswerPiece[] {
    return this.scan(true);
  }

  private scan(isEnd: boolean): AnswerPiece[] {
    const pieces: AnswerPiece[] = [];
    let rest = this.held;
    while (rest !== '') {
      const at = rest.search(special);
      if (at < 0) {
        pieces.push({ type: 'text', text: rest });
        rest = '';
        break;
      }
      if (at > 0) pieces.push({ type: 'text', text: rest.slice(0, at) });
      rest = rest.slice(at);
      const taken = take(rest, isEnd, this.isInSource);
      if (taken === 'hold') break;
      pieces.push(...taken.pieces);
      rest = rest.slice(taken.length);
    }
    this.held = rest;
    return pieces;
  }
}

interface Taken {
  readonly pieces: readonly AnswerPiece[];
  readonly length: number;
}

/** What the text begins with; `hold` while that cannot be said yet. */
function take(text: string, isEnd: boolean, isInSource: IsInSource): Taken | 'hold' {
  const mayHold = !isEnd && text.length <= longestHeld;
  const first = text.charAt(0);
  if (first === '[' || first === '\u3010') return takeBracket(text, mayHold, isInSource);
  if (first === '!') return dropped(text, image, imageBeginning, mayHold);
  if (first === '<') return takeTag(text, mayHold);
  if (/\s/u.test(first)) return takeBlanks(text, mayHold);
  return takeUrl(text, mayHold);
}

function takeBracket(text: string, mayHold: boolean, isInSource: IsInSource): Taken | 'hold' {
  const mark = readCitationMark(text.slice(0, longestHeld), isInSource, !mayHold);
  if (mark === 'incomplete' && mayHold) return 'hold';
  if (typeof mark === 'object') return takeMark(text, mark, mayHold);
  const linked = match(link, text);
  if (linked !== undefined) {
    const label = /^\[([^\]]*)/u.exec(linked)?.[1] ?? '';
    return { pieces: [{ type: 'text', text: label.replace(/[[\]()<>!]/g, '') }], length: linked.length };
  }
  if (mayHold && match(linkBeginning, text) !== undefined) return 'hold';
  return { pieces: [{ type: 'text', text: text.charAt(0) }], length: 1 };
}

/** `[1](http://…)` is a link that looks like a mark: its address goes. */
function takeMark(text: string, { references, length }: CitationMark, mayHold: boolean): Taken | 'hold' {
  const rest = text.slice(length, length + longestHeld);
  if (mayHold && /^(?:\([^)\s]*)?$/u.test(rest)) return 'hold';
  const target = /^\([^)\s]*\)/u.exec(rest)?.[0] ?? '';
  return { pieces: [{ type: 'mark', references }], length: length + target.length };
}

function dropped(text: string, whole: RegExp, beginning: RegExp, mayHold: boolean): Taken | 'hold' {
  // Longer forms first: `![alt]` is an image by itself, and may still be followed by an address.
  if (mayHold && match(beginning, text) !== undefined) return 'hold';
  const found = match(whole, text);
  if (found !== undefined) return { pieces: [{ type: 'nothing' }], length: found.length };
  return { pieces: [{ type: 'text', text: text.charAt(0) }], length: 1 };
}

/**
 * A tag that makes a browser load, run or send something: known ones, and any that has attributes. A placeholder such as `<name>` is
 * text.
 */
const activeTag =
  /^<(?:!|[^<>]*=|\/?(?:a|applet|area|audio|base|body|button|embed|form|frame|frameset|head|html|iframe|image|img|input|link|math|meta|object|picture|portal|script|source|style|svg|template|track|video)(?![\w-])|[a-z][a-z0-9+.-]*:)/iu;

function takeTag(text: string, mayHold: boolean): Taken | 'hold' {
  const found = match(tag, text);
  if (found !== undefined && !activeTag.test(found))
    return { pieces: [{ type: 'text', text: found }], length: found.length };
  const taken = dropped(text, tag, tagBeginning, mayHold);
  // Another tag begins inside this one: when that is dropped, what is left of both must not be a tag.
  const isOpen = taken !== 'hold' && taken.pieces[0]?.type === 'text' && activeTag.test(text.slice(0, longestHeld));
  return isOpen ? { pieces: [{ type: 'text', text: '< ' }], length: 1 } : taken;
}

/** Blanks before a mark belong to it: when the mark is removed they go as well, so they wait for what follows. */
function takeBlanks(text: string, mayHold: boolean): Taken | 'hold' {
  const found = match(blanks, text) ?? '';
  if (found.length === text.length && mayHold) return 'hold';
  return { pieces: [{ type: 'text', text: found }], length: found.length };
}

function takeUrl(text: string, mayHold: boolean): Taken | 'hold' {
  if (mayHold && match(urlBeginning, text) !== undefined) return 'hold';
  const found = match(url, text);
  if (found !== undefined) {
    const trimmed = found.replace(/[.,;:!?]+$/u, '');
    return { pieces: [{ type: 'url', url: trimmed }], length: trimmed.length };
  }
  return { pieces: [{ type: 'text', text: text.charAt(0) }], length: 1 };
}

function match(pattern: RegExp, text: string): string | undefined {
  pattern.lastIndex = 0;
  return pattern.exec(text.slice(0, longestHeld))?.[0];
}
