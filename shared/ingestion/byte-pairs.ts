/** Above all ranks of cl100k (100,256), so that two of them make one number. */
const rankSpan = 2 ** 17;
/** Above the bytes of the longest word: a UTF-16 unit has at most three. */
const positionSpan = 2 ** 10;
/** Pairs of a word at first, and two new ones for each merge. */
const mostPairs = positionSpan * 3;
const rememberedPairs = 100_000;
const none = -1;

/** A token's bytes, as text or as numbers, by its rank. */
export type TokenBytes = readonly (string | readonly number[] | undefined)[];

/**
 * Counts the tokens of one word by byte pair merging (R. Sennrich, B. Haddow, A. Birch, "Neural machine translation of rare words with
 * subword units", 2016; the order of merges as in tiktoken): always the pair of lowest rank, the leftmost of equals. With a heap a word
 * of n bytes costs n log n steps; the usual search for the lowest pair is quadratic.
 */
export class BytePairs {
  /** Ranks by the token's bytes, written as Latin-1. */
  private readonly ranks = new Map<string, number>();
  private readonly bytesOf: readonly string[];
  private readonly merges = new Map<number, number>();
  private readonly heap = new MinimumHeap(mostPairs);
  private readonly tokens = new Int32Array(positionSpan);
  private readonly next = new Int32Array(positionSpan);
  private readonly previous = new Int32Array(positionSpan);
  /** The rank that each token makes with its right neighbour. */
  private readonly pairRank = new Int32Array(positionSpan);

  constructor(tokenBytes: TokenBytes) {
    this.bytesOf = Array.from(tokenBytes, (bytes) =>
      bytes === undefined ? '' : Buffer.from(bytes as string).toString('latin1'),
    );
    for (const [rank, bytes] of this.bytesOf.entries()) if (bytes !== '') this.ranks.set(bytes, rank);
  }

  /** @param word below 1,024 bytes of UTF-8 */
  count(word: string): number {
    const bytes = Buffer.from(word).toString('latin1');
    let count = bytes.length;
    if (count >= positionSpan) throw new RangeError(`The word has ${count} bytes.`);
    for (let i = 0; i < count; i += 1) {
      this.tokens[i] = this.ranks.get(bytes[i] as string) as number;
      this.next[i] = i + 1 < bytes.length ? i + 1 : none;
      this.previous[i] = i - 1;
    }
    for (let i = 0; i < bytes.length; i += 1) this.rankPair(i);
    for (let lowest = this.heap.take(); lowest !== undefined; lowest = this.heap.take()) {
      const position = lowest % positionSpan;
      const rank = Math.floor(lowest / positionSpan);
      // Of a pair that has changed since.
      if (this.pairRank[position] !== rank) continue;
      this.merge(position, rank);
      count -= 1;
    }
    return count;
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
    const rank = right === none ? none : this.merged(this.tokens[position] as number, this.tokens[right] as number);
    this.pairRank[position] = rank;
    if (rank !== none) this.heap.add(rank * positionSpan + position);
  }

  private merged(left: number, right: number): number {
    const pair = left * rankSpan + right;
    const known = this.merges.get(pair);
    if (known !== undefined) return known;
    const rank = this.ranks.get(`${this.bytesOf[left]}${this.bytesOf[right]}`) ?? none;
    if (this.merges.size >= rememberedPairs) this.merges.clear();
    this.merges.set(pair, rank);
    return rank;
  }
}

class MinimumHeap {
  private readonly values: Float64Array;
  private length = 0;

  constructor(capacity: number) {
    this.values = new Float64Array(capacity);
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

  take(): number | undefined {
    if (this.length === 0) return undefined;
    const lowest = this.values[0];
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
