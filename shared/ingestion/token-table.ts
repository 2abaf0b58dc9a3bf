/** A token's bytes, as text or as numbers, by its rank. */
export type TokenBytes = readonly (string | readonly number[] | undefined)[];

/** Above twice the tokens of cl100k, so that most searches end at the first slot. */
const slotCount = 2 ** 18;
/** An odd number whose bits are well mixed. */
const base = 0x01000193;
/** Of cl100k it has 128 bytes. */
const longestToken = 128;
/** `base` to the power of each length of a token. */
const powers = powersUpTo(longestToken);
/** All of cl100k have 0.7 MB. */
const bytesAtFirst = 2 ** 20;
const none = -1;

/**
 * Ranks of tokens, looked up by two tokens that stand beside each other. The hash of a text is a polynomial in its bytes, so that of the
 * two together follows from theirs, without putting them together (R. Karp, M. Rabin, "Efficient randomized pattern-matching
 * algorithms", 1987). Typed arrays throughout: a lookup makes no object and no text.
 */
export class TokenTable {
  private readonly bytes: Uint8Array;
  /** Where the bytes of each token begin. */
  private readonly starts: Int32Array;
  private readonly lengths: Uint8Array;
  private readonly hashes: Int32Array;
  private readonly slots = new Int32Array(slotCount).fill(none);
  private readonly ofOneByte = new Int32Array(2 ** 8).fill(none);
  /** Half of all lookups are for words of the text itself. */
  private readonly ofTwoBytes = new Int32Array(2 ** 16).fill(none);

  constructor(tokenBytes: TokenBytes) {
    if (tokenBytes.length * 2 > slotCount) throw new RangeError(`There are ${tokenBytes.length} tokens.`);
    this.starts = new Int32Array(tokenBytes.length);
    this.lengths = new Uint8Array(tokenBytes.length);
    this.hashes = new Int32Array(tokenBytes.length);
    const { bytes, ends } = laidOut(tokenBytes);
    this.bytes = bytes;
    for (let rank = 0, start = 0; rank < ends.length; rank += 1) {
      const end = ends[rank] as number;
      this.starts[rank] = start;
      this.lengths[rank] = end - start;
      if (end > start) this.add(rank, start, end);
      start = end;
    }
  }

  /** @returns -1 where the byte is no token */
  ofByte(byte: number): number {
    return this.ofOneByte[byte] as number;
  }

  /** @returns -1 where the two bytes are no token */
  ofBytes(left: number, right: number): number {
    return this.ofTwoBytes[(left << 8) | right] as number;
  }

  /** @returns the rank of the token that is the first `length` of these bytes, -1 where there is none */
  ofWhole(bytes: Uint8Array, length: number): number {
    if (length > longestToken) return none;
    const hash = hashOf(bytes, 0, length);
    for (let slot = slotOf(hash); ; slot = (slot + 1) % slotCount) {
      const rank = this.slots[slot] as number;
      if (rank === none) return none;
      if (this.hashes[rank] === hash && this.lengths[rank] === length && this.isAt(rank, 0, bytes, 0, length))
        return rank;
    }
  }

  /** @returns the rank of the token that is `left` and `right` in one, -1 where there is none */
  ofPair(left: number, right: number): number {
    const [leftLength, rightLength] = [this.lengths[left] as number, this.lengths[right] as number];
    const length = leftLength + rightLength;
    if (length > longestToken) return none;
    const hash =
      (Math.imul(this.hashes[left] as number, powers[rightLength] as number) + (this.hashes[right] as number)) | 0;
    for (let slot = slotOf(hash); ; slot = (slot + 1) % slotCount) {
      const rank = this.slots[slot] as number;
      if (rank === none) return none;
      if (this.hashes[rank] !== hash || this.lengths[rank] !== length) continue;
      const begins = this.isAt(rank, 0, this.bytes, this.starts[left] as number, leftLength);
      if (begins && this.isAt(rank, leftLength, this.bytes, this.starts[right] as number, rightLength)) return rank;
    }
  }

  private add(rank: number, start: number, end: number): void {
    const { bytes } = this;
    const hash = hashOf(bytes, start, end);
    this.hashes[rank] = hash;
    const first = bytes[start] as number;
    if (end - start === 1) this.ofOneByte[first] = rank;
    if (end - start === 2) this.ofTwoBytes[(first << 8) | (bytes[start + 1] as number)] = rank;
    let slot = slotOf(hash);
    while (this.slots[slot] !== none) slot = (slot + 1) % slotCount;
    this.slots[slot] = rank;
  }

  /** Whether a token holds these bytes from `at` on. */
  private isAt(rank: number, at: number, bytes: Uint8Array, from: number, length: number): boolean {
    const start = (this.starts[rank] as number) + at;
    for (let i = 0; i < length; i += 1) if (this.bytes[start + i] !== bytes[from + i]) return false;
    return true;
  }
}

/** One after another: a buffer for each of 100,000 would take more than all the rest. */
function laidOut(tokenBytes: TokenBytes): { readonly bytes: Uint8Array; readonly ends: Int32Array } {
  const ends = new Int32Array(tokenBytes.length);
  const encoder = new TextEncoder();
  let bytes = new Uint8Array(bytesAtFirst);
  let at = 0;
  for (let rank = 0; rank < tokenBytes.length; rank += 1) {
    const token = tokenBytes[rank] ?? [];
    if (at + longestToken > bytes.length) bytes = grown(bytes);
    if (typeof token === 'string') at += encoder.encodeInto(token, bytes.subarray(at)).written;
    else for (const byte of token) bytes[at++] = byte;
    ends[rank] = at;
  }
  return { bytes: bytes.slice(0, at), ends };
}

function grown(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.length * 2);
  larger.set(bytes);
  return larger;
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  // Never 0, so that no byte vanishes at the beginning.
  for (let i = start; i < end; i += 1) hash = (Math.imul(hash, base) + (bytes[i] as number) + 1) | 0;
  return hash;
}

function powersUpTo(length: number): Int32Array {
  const result = new Int32Array(length + 1).fill(1);
  for (let i = 1; i <= length; i += 1) result[i] = Math.imul(result[i - 1] as number, base);
  return result;
}

function slotOf(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) & (slotCount - 1);
}
