export interface ScoredMember {
  readonly member: string;
  readonly score: number;
}

function compare(a: ScoredMember, b: ScoredMember): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1;
  return a.member < b.member ? -1 : a.member > b.member ? 1 : 0;
}

/** Members ordered by score, then by bytes: a map for lookups beside one sorted array for ranges. */
export class SortedSet {
  readonly #scores = new Map<string, number>();
  readonly #ordered: ScoredMember[] = [];

  get size(): number {
    return this.#scores.size;
  }

  score(member: string): number | undefined {
    return this.#scores.get(member);
  }

  /** Sets a member's score; true when the member is new. */
  set(member: string, score: number): boolean {
    const old = this.#scores.get(member);
    if (old === score) return false;
    if (old !== undefined) this.#ordered.splice(this.#position({ member, score: old }), 1);
    this.#scores.set(member, score);
    const entry = { member, score };
    this.#ordered.splice(this.#position(entry), 0, entry);
    return old === undefined;
  }

  delete(member: string): boolean {
    const score = this.#scores.get(member);
    if (score === undefined) return false;
    this.#ordered.splice(this.#position({ member, score }), 1);
    this.#scores.delete(member);
    return true;
  }

  /** All members, lowest first. The array is the set's own: read it before the next change. */
  ordered(): readonly ScoredMember[] {
    return this.#ordered;
  }

  /** The first position whose member does not come before the wanted one. */
  #position(wanted: ScoredMember): number {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#ordered[middle] as ScoredMember, wanted) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
