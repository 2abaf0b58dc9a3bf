/** A binary heap of things that fall due; the earliest comes first, equal ones in no order. */
export class DueHeap<T> {
  #items: { due: number; item: T }[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** When the earliest falls due. */
  peek(): { readonly due: number; readonly item: T } | undefined {
    return this.#items[0];
  }

  push(due: number, item: T): void {
    const items = this.#items;
    let at = items.push({ due, item }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#due(parent) <= due) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): { readonly due: number; readonly item: T } | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined || items.length === 0) return first;
    items[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      if (left >= items.length) return first;
      const child = left + 1 < items.length && this.#due(left + 1) < this.#due(left) ? left + 1 : left;
      if (this.#due(at) <= this.#due(child)) return first;
      this.#swap(at, child);
      at = child;
    }
  }

  /** Drops what `keep` refuses. */
  retain(keep: (item: T, due: number) => boolean): void {
    const kept = this.#items.filter(({ item, due }) => keep(item, due));
    this.#items = [];
    for (const { due, item } of kept) this.push(due, item);
  }

  #due(at: number): number {
    return this.#items[at]?.due ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#items[a], this.#items[b]];
    if (first === undefined || second === undefined) return;
    this.#items[a] = second;
    this.#items[b] = first;
  }
}
