import { strength } from './boundary-kinds.ts';

/** How much of the text after a boundary its rank is made from. */
const rankedUnits = 48;
/** UTF-8 bytes of a token, about: what is near must not depend on anything but the text nearby, and counting tokens would. */
const bytesPerToken = 4;
const mostRank = 5;
/** Of sentences, which are many: the closer their anchors, the less of a long paragraph changes. */
const sentenceReach = 4 / 5;
/** So many boundaries may stand before those that are far behind are let go. */
const kept = 4_096;

interface Standing {
  readonly position: number;
  readonly bytes: number;
  readonly rank: number;
  /** How far it must outrank others, in bytes. */
  readonly reach: number;
  isBeaten: boolean;
}

/**
 * Boundaries at which every splitting of the text cuts, whatever came before: those that outrank all others within `radiusTokens` on
 * either side. Rank is strength first, then a hash of the text that follows. Only the text around an anchor decides about it, so
 * after an edit the anchors further away, and with them the chunks between these, are the same as before. (Local maxima, as in
 * content-defined chunking: N. Bjørner, A. Blass, Y. Gurevich, "Content-dependent chunking for differential compression, the local
 * maximum approach", 2010.) Boundaries come in one by one; only those within the radius are in memory.
 */
export class Anchors {
  /** Units of text behind a boundary that must have been read before it is decided. */
  readonly radius: number;
  private readonly text: string;
  /** Found so far, ascending. */
  private readonly found: number[];
  /** Those that are not decided, in their order. */
  private waiting: Standing[] = [];
  private decided = 0;
  /** Boundaries that nothing after them outranks yet: a stack, ranks descending from its bottom. */
  private standing: Standing[] = [];
  private bytes = 0;
  private read = 0;

  constructor(text: string, radiusTokens: number, found: number[]) {
    this.text = text;
    this.radius = radiusTokens * bytesPerToken;
    this.found = found;
  }

  add(position: number, value: number): void {
    const bytes = this.byteOffset(position);
    // The beginning of the text is as good a place as any.
    const reach = value <= strength.sentence ? this.radius * sentenceReach : this.radius;
    const next = { position, bytes, rank: rankOf(this.text, position, value), reach, isBeaten: bytes < reach };
    for (let top = this.standing.at(-1); top !== undefined; top = this.standing.at(-1)) {
      const distance = bytes - top.bytes;
      if (top.rank >= next.rank) {
        // Of equals the first one counts, so that a text which repeats itself is not cut at each.
        if (distance < reach) next.isBeaten = true;
        break;
      }
      if (distance < top.reach) top.isBeaten = true;
      this.standing.pop();
    }
    this.standing.push(next);
    this.waiting.push(next);
    this.decide(bytes - this.radius);
  }

  /** The text has ended. */
  finish(): void {
    this.decide(Number.POSITIVE_INFINITY);
  }

  /** Nothing that follows can outrank the boundaries at or before `bytes`. */
  private decide(bytes: number): void {
    for (let first = this.waiting[this.decided]; first && first.bytes <= bytes; first = this.waiting[this.decided]) {
      if (!first.isBeaten) this.found.push(first.position);
      this.decided += 1;
    }
    if (this.decided < kept) return;
    this.waiting.splice(0, this.decided);
    this.decided = 0;
    this.standing = this.standing.filter((each) => each.bytes > bytes);
  }

  /** Bytes of UTF-8 before a position, about: a surrogate pair has four of them. */
  private byteOffset(position: number): number {
    for (; this.read < position; this.read += 1) {
      const code = this.text.charCodeAt(this.read);
      this.bytes += code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 2 : 3;
    }
    return this.bytes;
  }
}

/** Exact as a double: strength above, 32 bits of FNV-1a below. */
function rankOf(text: string, position: number, value: number): number {
  let hash = 0x811c9dc5;
  const end = Math.min(text.length, position + rankedUnits);
  for (let i = position; i < end; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // FNV's last characters hardly reach its upper bits.
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return Math.min(value, mostRank) * 2 ** 32 + (hash >>> 0);
}
