import { type Boundaries, strength } from './boundaries.ts';

/** How much of the text after a boundary its rank is made from. */
const rankedUnits = 48;
/** UTF-8 bytes of a token, about: what is near must not depend on anything but the text nearby, and counting tokens would. */
const bytesPerToken = 4;

/**
 * Boundaries at which every splitting of the text cuts, whatever came before: those that outrank all others within `radiusTokens` on
 * either side. Rank is strength first, then a hash of the text that follows. Only the text around an anchor decides about it, so
 * after an edit the anchors further away, and with them the chunks between these, are the same as before. (Local maxima, as in
 * content-defined chunking: N. Bjørner, A. Blass, Y. Gurevich, "Content-dependent chunking for differential compression, the local
 * maximum approach", 2010.)
 * @returns positions, ascending
 */
export function findAnchors(text: string, boundaries: Boundaries, radiusTokens: number): readonly number[] {
  const { positions } = boundaries;
  const radius = radiusTokens * bytesPerToken;
  const bytes = byteOffsets(text, positions);
  const ranks = positions.map((position, i) => rankOf(text, position, boundaries.strengths[i] as number));
  const anchors: number[] = [];
  // Boundaries that nothing after them outranks yet: a stack, ranks descending from its bottom.
  const standing: number[] = [];
  const beaten = new Uint8Array(positions.length);
  for (let i = 0; i < positions.length; i += 1) {
    // The beginning of the text is as good a place as any.
    if ((bytes[i] as number) < radius) beaten[i] = 1;
    for (let top = standing.at(-1); top !== undefined; top = standing.at(-1)) {
      const near = (bytes[i] as number) - (bytes[top] as number) < radius;
      if ((ranks[top] as number) >= (ranks[i] as number)) {
        // Of equals the first one counts, so that a text which repeats itself is not cut at each.
        if (near) beaten[i] = 1;
        break;
      }
      if (near) beaten[top] = 1;
      standing.pop();
    }
    standing.push(i);
  }
  for (const [i, position] of positions.entries()) if (beaten[i] === 0) anchors.push(position);
  return anchors;
}

/** Where each position stands in bytes of UTF-8, about: a surrogate pair has four of them and not six. */
function byteOffsets(text: string, positions: readonly number[]): Float64Array {
  const offsets = new Float64Array(positions.length);
  let bytes = 0;
  let read = 0;
  for (const [i, position] of positions.entries()) {
    for (; read < position; read += 1) {
      const code = text.charCodeAt(read);
      bytes += code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 2 : 3;
    }
    offsets[i] = bytes;
  }
  return offsets;
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
  return Math.min(value, strength.section) * 2 ** 32 + (hash >>> 0);
}
