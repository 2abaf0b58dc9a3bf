/** A line of items: `shift` costs the same however long it is. */
class Line<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the item `skip` places behind the first; the first takes its place. */
  shift(skip = 0): T | undefined {
    if (this.length === 0) return undefined;
    const at = this.#head + Math.min(skip, this.length - 1);
    const item = this.#items[at];
    this.#items[at] = this.#items[this.#head] as T;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}

/**
 * What can be received, fair between message groups (SQS fair queues): groups take turns, so a group with one message
 * waits for one turn of each other group and never behind another's backlog.
 */
export class FairOrder<T extends { readonly group: string }> {
  readonly #groups = new Map<string, Line<T>>();
  readonly #turns = new Line<string>();

  push(item: T): void {
    const line = this.#groups.get(item.group);
    if (line !== undefined) {
      line.push(item);
      return;
    }
    const fresh = new Line<T>();
    fresh.push(item);
    this.#groups.set(item.group, fresh);
    this.#turns.push(item.group);
  }

  /** The next in turn. `skip` takes a later one of its group, for queues that promise no order. */
  shift(skip = 0): T | undefined {
    const group = this.#turns.shift();
    if (group === undefined) return undefined;
    const line = this.#groups.get(group);
    const item = line?.shift(skip);
    if (line === undefined || line.length === 0) this.#groups.delete(group);
    else this.#turns.push(group);
    return item;
  }

  clear(): void {
    this.#groups.clear();
    while (this.#turns.shift() !== undefined);
  }
}
