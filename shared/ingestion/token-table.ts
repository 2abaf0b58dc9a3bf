/** A token's bytes, as text or as numbers, by its rank. */
export type TokenBytes = readonly (string | readonly number[] | undefined)[];

/** Above twice the tokens of cl100k, so that most searches end at the first slot. */
const slotCount = 2 ** 18;
/** An odd number whose bits are well mixed. */
const base = 0x01000193;
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
  /** `base` to the power of each length of a token. */
  private readonly powers: Int32Array;
  private readonly slots = new Int32Array(slotCount).fill(none);
  private readonly ofOneByte = new Int32Array(2 ** 8).fill(none);
  /** Half of all lookups are of what stands in the text. */
  private readonly ofTwoBytes = new Int32Array(2 ** 16).fill(none);

  constructor(tokenBytes: TokenBytes) {
    if (tokenBytes.length * 2 > slotCount) throw new RangeError(`There are ${tokenBytes.length} tokens.`);
    const each = Array.from(tokenBytes, (bytes = []) => Buffer.from(bytes as string));
    this.bytes = Buffer.concat(each);
    this.starts = new Int32Array(each.length);
    this.lengths = Uint8Array.from(each, (bytes) => bytes.length);
    this.hashes = new Int32Array(each.length);
    this.powers = powersUpTo(Math.max(...each.map((bytes) => bytes.length)));
    let start = 0;
    for (const [rank, bytes] of each.entries()) {
      this.starts[rank] = start;
      start += bytes.length;
      if (bytes.length > 0) this.add(rank, bytes);
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

  /** @returns the rank of the token that is `left` and `right` in one, -1 where there is none */
  ofPair(left: number, right: number): number {
    const rightLength = this.lengths[right] as number;
    const length = (this.lengths[left] as number) + rightLength;
    if (length >= this.powers.length) return none;
    const hash =
      (Math.imul(this.hashes[left] as number, this.powers[rightLength] as number) + (this.hashes[right] as number)) | 0;
    for (let slot = slotOf(hash); ; slot = (slot + 1) % slotCount) {
      const rank = this.slots[slot] as number;
      if (rank === none) return none;
      if (this.hashes[rank] === hash && this.lengths[rank] === length && this.isJoined(rank, left, right)) return rank;
    }
  }

  private add(rank: number, bytes: Uint8Array): void {
    let hash = 0;
    // Never 0, so that no byte vanishes at the beginning.
    for (const byte of bytes) hash = (Math.imul(hash, base) + byte + 1) | 0;
    this.hashes[rank] = hash;
    const [first = 0, second = 0] = bytes;
    if (bytes.length === 1) this.ofOneByte[first] = rank;
    if (bytes.length === 2) this.ofTwoBytes[(first << 8) | second] = rank;
    let slot = slotOf(hash);
    while (this.slots[slot] !== none) slot = (slot + 1) % slotCount;
    this.slots[slot] = rank;
  }

  private isJoined(rank: number, left: number, right: number): boolean {
    const start = this.starts[rank] as number;
    return this.isAt(start, left) && this.isAt(start + (this.lengths[left] as number), right);
  }

  private isAt(position: number, token: number): boolean {
    const start = this.starts[token] as number;
    const length = this.lengths[token] as number;
    for (let i = 0; i < length; i += 1) if (this.bytes[position + i] !== this.bytes[start + i]) return false;
    return true;
  }
}

function powersUpTo(length: number): Int32Array {
  const powers = new Int32Array(length + 1).fill(1);
  for (let i = 1; i <= length; i += 1) powers[i] = Math.imul(powers[i - 1] as number, base);
  return powers;
}

function slotOf(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) & (slotCount - 1);
}
