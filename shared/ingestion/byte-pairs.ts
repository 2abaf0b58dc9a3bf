import { type TokenBytes, TokenTable } from './token-table.ts';

/** Above the bytes of the longest word: a UTF-16 unit has at most three. With a rank of cl100k (below 2 ** 17) it makes one 32-bit number. */
const positionBits = 10;
const positionSpan = 2 ** positionBits;
/** Pairs of a word at first, and two new ones for each merge. */
const mostPairs = positionSpan * 3;
const none = -1;

/**
 * Counts the tokens of one word by byte pair merging (R. Sennrich, B. Haddow, A. Birch, "Neural machine translation of rare words with
 * subword units", 2016; the order of merges as in tiktoken): a word that is a token is one, else always the pair of lowest rank is merged,
 * the leftmost of equals. With a heap a word of n bytes costs n log n steps; the usual search for the lowest pair is quadratic.
 */
export class BytePairs {
  private readonly table: TokenTable;
  private readonly heap = new MinimumHeap(mostPairs);
  private readonly encoder = new TextEncoder();
  private readonly bytes = new Uint8Array(positionSpan - 1);
  private readonly tokens = new Int32Array(positionSpan);
  private readonly next = new Int32Array(positionSpan);
  private readonly previous = new Int32Array(positionSpan);
  /** The rank that each token makes with its right neighbour. */
  private readonly pairRank = new Int32Array(positionSpan);

  constructor(tokenBytes: TokenBytes) {
    this.table = new TokenTable(tokenBytes);
  }

  /** @param word below 1,024 bytes of UTF-8 */
  count(word: string): number {
    const { bytes, table } = this;
    const length = this.encode(word);
    if (length <= 1 || table.ofWhole(bytes, length) !== none) return 1;
    let count = length;
    const last = length - 1;
    for (let i = 0; i <= last; i += 1) {
      this.tokens[i] = table.ofByte(bytes[i] as number);
      this.next[i] = i < last ? i + 1 : none;
      this.previous[i] = i - 1;
    }
    for (let i = 0; i < last; i += 1) this.setPair(i, table.ofBytes(bytes[i] as number, bytes[i + 1] as number));
    this.setPair(last, none);
    for (let lowest = this.heap.take(); lowest !== none; lowest = this.heap.take()) {
      const position = lowest & (positionSpan - 1);
      const rank = lowest >> positionBits;
      // Of a pair that has changed since.
      if (this.pairRank[position] !== rank) continue;
      this.merge(position, rank);
      count -= 1;
    }
    return count;
  }

  /** @returns bytes of UTF-8 */
  private encode(word: string): number {
    const { read, written } = this.encoder.encodeInto(word, this.bytes);
    if (read < word.length) throw new RangeError(`A word of ${word.length} units has too many bytes.`);
    return written;
  }

  private merge(position: number, rank: number): void {
    const right = this.next[position] as number;
    const after = this.next[right] as number;
    this.tokens[position] = rank;
    this.pairRank[right] = none;
    this.next[position] = after;
    if (after !== none) this.previous[after] = position;
    this.rankPair(position);
    const before = this.previous[position] as number;
    if (before !== none) this.rankPair(before);
  }

  private rankPair(position: number): void {
    const right = this.next[position] as number;
    const tokens = this.tokens;
    const isPair = right !== none;
    this.setPair(position, isPair ? this.table.ofPair(tokens[position] as number, tokens[right] as number) : none);
  }

  private setPair(position: number, rank: number): void {
    this.pairRank[position] = rank;
    if (rank !== none) this.heap.add((rank << positionBits) | position);
  }
}

class MinimumHeap {
  private readonly values: Int32Array;
  private length = 0;

  constructor(capacity: number) {
    this.values = new Int32Array(capacity);
  }

  add(value: number): void {
    let at = this.length;
    this.length += 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = this.values[parent] as number;
      if (above <= value) break;
      this.values[at] = above;
      at = parent;
    }
    this.values[at] = value;
  }

  /** @returns -1 when it is empty */
  take(): number {
    if (this.length === 0) return none;
    const lowest = this.values[0] as number;
    this.length -= 1;
    const last = this.values[this.length] as number;
    let at = 0;
    for (let child = 1; child < this.length; child = at * 2 + 1) {
      const right = child + 1;
      if (right < this.length && (this.values[right] as number) < (this.values[child] as number)) child = right;
      if ((this.values[child] as number) >= last) break;
      this.values[at] = this.values[child] as number;
      at = child;
    }
    this.values[at] = last;
    return lowest;
  }
}
