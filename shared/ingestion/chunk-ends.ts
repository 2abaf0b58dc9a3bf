import { type Boundaries, firstAbove } from './boundaries.ts';
import { strength, type Whole } from './boundary-kinds.ts';
import { longestWord } from './token-counter.ts';
import type { TokenIndex } from './token-index.ts';
import type { Span } from './unbroken-runs.ts';

/** A chunk this small is not ended by a heading: a title alone is no passage. */
const smallestSection = 1 / 8;
/** How full a chunk must be before a paragraph's end is taken, and before anything less is. */
const fullEnoughForBlock = 1 / 3;
const fullEnough = 1 / 2;

export interface ChosenEnd {
  /** Where the chunk was cut, and its end without the whitespace before that. */
  readonly cut: number;
  readonly end: number;
  readonly tokenCount: number;
  readonly endsSection: boolean;
}

/** Finds the ends of chunks in one span; positions are those of the whole text. */
export class EndChooser {
  private readonly text: string;
  private readonly span: Span;
  private readonly boundaries: Boundaries;
  private readonly index: TokenIndex;

  constructor(text: string, span: Span, boundaries: Boundaries, index: TokenIndex) {
    this.text = text;
    this.span = span;
    this.boundaries = boundaries;
    this.index = index;
  }

  /** @returns undefined when no end beyond `covered` is within the limit */
  choose(start: number, covered: number, maxTokens: number): ChosenEnd | undefined {
    // Taking the whitespace off a chunk's end can cost a token more (";\n" is one token, as ";" is, but not all signs are so lucky).
    for (let allowed = maxTokens; allowed > 0; allowed -= 1) {
      const cut = this.bestCut(start, covered, allowed);
      if (cut <= covered) return undefined;
      const end = trimEnd(this.text, start, cut);
      const tokenCount = this.tokens(start, end);
      if (tokenCount <= maxTokens)
        return { cut, end, tokenCount, endsSection: this.strengthAt(cut) === strength.section };
    }
    return undefined;
  }

  /** The earliest sentence or line from which at most `overlapTokens` are repeated; `next` where there is none. */
  overlapStart(start: number, chosen: ChosenEnd, next: number, overlapTokens: number): number {
    if (chosen.endsSection || overlapTokens === 0) return next;
    const about = this.span.start + this.index.earliest(chosen.end - this.span.start, overlapTokens);
    const { positions } = this.boundaries;
    for (let i = firstAbove(positions, Math.max(start, about - 1)); (positions[i] ?? chosen.end) < chosen.end; i += 1) {
      const position = skipWhitespace(this.text, positions[i] as number, chosen.end);
      // Half of a row or of a fence says little.
      if (this.boundaries.wholeAround(position)) continue;
      if (this.tokens(position, chosen.end) <= overlapTokens) return position;
    }
    return next;
  }

  private bestCut(start: number, covered: number, maxTokens: number): number {
    const limit = this.furthest(start, maxTokens);
    this.boundaries.readTo(limit);
    const { positions, strengths } = this.boundaries;
    const least = Math.max(covered, this.furthest(start, maxTokens * smallestSection));
    const section = this.firstSection(least, limit);
    // A section that fits completely is not cut at an anchor: every split cuts where it ends anyway.
    if (section !== undefined) return section;
    if (limit >= this.span.end) return this.span.end;
    const anchor = this.firstAnchor(start, least, limit, maxTokens);
    if (anchor !== undefined) return anchor;
    const whole = this.fittingWholeAround(start, limit, maxTokens);
    const beside = whole && this.cutBeside(whole, start, maxTokens);
    if (beside !== undefined) return beside;
    const blockFloor = Math.max(covered, this.furthest(start, maxTokens * fullEnoughForBlock));
    const floor = Math.max(covered, this.furthest(start, maxTokens * fullEnough));
    let best: number | undefined;
    for (let i = firstAbove(positions, limit) - 1; (positions[i] ?? 0) > blockFloor; i -= 1) {
      const enough = (strengths[i] as number) >= strength.block || (positions[i] as number) > floor;
      if (enough && (best === undefined || (strengths[i] as number) > (strengths[best] as number))) best = i;
    }
    return best === undefined ? this.wordCut(floor, limit) : (positions[best] as number);
  }

  /** @returns what a cut at `position` would part, if it fits into a chunk */
  private fittingWholeAround(start: number, position: number, maxTokens: number): Whole | undefined {
    const whole = this.boundaries.wholeAround(position);
    // One that began before this chunk was cut already, since it does not fit; to look at it again would take all of its length.
    if (!whole || whole.start < start) return undefined;
    // A word that reaches over the end (a fence and the line end behind it) may count more than its part.
    const reach = this.furthest(whole.start, maxTokens) + longestWord;
    this.boundaries.readTo(reach);
    if (whole.end > Math.min(reach, this.span.end)) return undefined;
    return this.tokens(whole.start, trimEnd(this.text, whole.start, whole.end)) <= maxTokens ? whole : undefined;
  }

  private cutBeside(whole: Whole, start: number, maxTokens: number): number | undefined {
    const end = trimEnd(this.text, whole.start, whole.end);
    if (this.tokens(start, end) <= maxTokens) return end;
    return whole.start > start ? whole.start : undefined;
  }

  private firstAnchor(start: number, from: number, to: number, maxTokens: number): number | undefined {
    const { anchors } = this.boundaries;
    for (let i = firstAbove(anchors, from); (anchors[i] ?? Number.POSITIVE_INFINITY) <= to; i += 1) {
      const anchor = anchors[i] as number;
      if (!this.fittingWholeAround(start, anchor, maxTokens)) return anchor;
    }
    return undefined;
  }

  private firstSection(from: number, limit: number): number | undefined {
    const { positions, strengths } = this.boundaries;
    for (
      let i = firstAbove(positions, from);
      (positions[i] ?? this.span.end) <= limit && i < positions.length;
      i += 1
    ) {
      if (strengths[i] === strength.section && (positions[i] as number) < this.span.end) return positions[i];
    }
    return undefined;
  }

  private wordCut(floor: number, limit: number): number {
    for (let position = limit; position > floor; position -= 1) {
      if (isWhitespace(this.text.charCodeAt(position)) || isWhitespace(this.text.charCodeAt(position - 1)))
        return position;
    }
    return limit;
  }

  private furthest(start: number, tokens: number): number {
    return this.span.start + this.index.furthest(start - this.span.start, Math.floor(tokens));
  }

  private tokens(start: number, end: number): number {
    return this.index.count(start - this.span.start, end - this.span.start);
  }

  private strengthAt(position: number): number | undefined {
    const { positions, strengths } = this.boundaries;
    const i = firstAbove(positions, position) - 1;
    return positions[i] === position ? strengths[i] : undefined;
  }
}

function isWhitespace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13) || (code >= 128 && /\s/.test(String.fromCharCode(code)));
}

export function skipWhitespace(text: string, from: number, end: number): number {
  let position = from;
  while (position < end && isWhitespace(text.charCodeAt(position))) position += 1;
  return position;
}

function trimEnd(text: string, start: number, from: number): number {
  let position = from;
  while (position > start && isWhitespace(text.charCodeAt(position - 1))) position -= 1;
  return position;
}
