import { DueHeap } from './due-heap.ts';
import { FairOrder } from './fair-order.ts';
import type { MessageHead } from './message-store.ts';

/** A message as the index knows it. */
export interface Entry {
  readonly sequence: number;
  readonly group: string;
  readonly sentAt: number;
  receiveCount: number;
  /** Milliseconds since 1970; when it can be received (again). */
  visibleAt: number;
  state: 'ready' | 'delayed' | 'in flight' | 'gone';
}

export type Counts = Readonly<Record<'visible' | 'inFlight' | 'delayed', number>>;

/** Which message comes next, without asking the database. Times are milliseconds since 1970. */
export class MessageIndex {
  readonly #entries = new Map<number, Entry>();
  readonly #ready = new FairOrder<Entry>();
  readonly #due = new DueHeap<Entry>();
  readonly #count = { ready: 0, delayed: 0, 'in flight': 0, gone: 0 };

  add(head: MessageHead, now: number): void {
    const { sequence, group_id, sent_at, visible_at, in_flight, receive_count } = head;
    const entry: Entry = {
      sequence,
      // Without a group every message belongs to one of its own; in one line they are served alike.
      group: group_id ?? '',
      sentAt: sent_at,
      receiveCount: receive_count,
      visibleAt: visible_at,
      state: 'gone',
    };
    this.#entries.set(sequence, entry);
    this.#enter(entry, visible_at <= now ? 'ready' : in_flight === 1 ? 'in flight' : 'delayed');
  }

  get(sequence: number): Entry | undefined {
    return this.#entries.get(sequence);
  }

  /** Takes the next message that can be received; it must be hidden, removed or put back. */
  next(now: number, skip = 0): Entry | undefined {
    this.promote(now);
    for (;;) {
      const entry = this.#ready.shift(skip);
      if (entry === undefined || entry.state === 'ready') return entry;
    }
  }

  /** Hides a message until `visibleAt`. */
  hide(entry: Entry, visibleAt: number): void {
    entry.visibleAt = visibleAt;
    this.#enter(entry, 'in flight');
  }

  /** Puts off a message that nobody has, or brings it forward. */
  delay(entry: Entry, visibleAt: number): void {
    entry.visibleAt = visibleAt;
    this.#enter(entry, 'delayed');
  }

  /** Makes a message receivable, behind the others of its group. */
  release(entry: Entry): void {
    this.#enter(entry, 'ready');
  }

  remove(entry: Entry): void {
    this.#count[entry.state] -= 1;
    entry.state = 'gone';
    this.#entries.delete(entry.sequence);
  }

  /** Makes receivable what has fallen due. */
  promote(now: number): void {
    for (let next = this.#due.peek(); next !== undefined && next.due <= now; next = this.#due.peek()) {
      this.#due.pop();
      if (isCurrent(next.item, next.due)) this.release(next.item);
    }
  }

  /** When the next message falls due, if any is hidden. */
  nextDue(): number | undefined {
    for (let next = this.#due.peek(); next !== undefined; next = this.#due.peek()) {
      if (isCurrent(next.item, next.due)) return next.due;
      this.#due.pop();
    }
    return undefined;
  }

  counts(now: number): Counts {
    this.promote(now);
    return { visible: this.#count.ready, inFlight: this.#count['in flight'], delayed: this.#count.delayed };
  }

  /** Every message, oldest sequence first. */
  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  clear(): void {
    for (const entry of this.#entries.values()) this.remove(entry);
    this.#ready.clear();
  }

  #enter(entry: Entry, state: 'ready' | 'delayed' | 'in flight'): void {
    if (entry.state !== 'gone') this.#count[entry.state] -= 1;
    entry.state = state;
    this.#count[state] += 1;
    if (state === 'ready') {
      this.#ready.push(entry);
      return;
    }
    this.#due.push(entry.visibleAt, entry);
    // Deleted messages stay in the heap until their time; a bulk load would keep a million for half an hour.
    if (this.#due.size > 1000 + 2 * (this.#count.delayed + this.#count['in flight'])) this.#due.retain(isCurrent);
  }
}

/** A hidden message whose time was changed stands in the heap more than once; only one of these is its time. */
function isCurrent(entry: Entry, due: number): boolean {
  return (entry.state === 'in flight' || entry.state === 'delayed') && entry.visibleAt === due;
}
