import { type ScoredMember, SortedSet } from './sorted-set.ts';

/** What an element costs beside its bytes: a rough figure, the same for all collections. */
const ELEMENT_OVERHEAD = 48;

// Keys, fields and members are latin1 strings: one character is one byte, so they stay binary-safe as map keys.

export class StringValue {
  readonly type = 'string';
  readonly data: Buffer;
  constructor(data: Buffer) {
    this.data = data;
  }
  get bytes(): number {
    return this.data.length;
  }
  get size(): number {
    return 1;
  }
}

export class HashValue {
  readonly type = 'hash';
  readonly #fields = new Map<string, Buffer>();
  bytes = 0;

  get size(): number {
    return this.#fields.size;
  }
  get(field: string): Buffer | undefined {
    return this.#fields.get(field);
  }
  /** True when the field is new. */
  set(field: string, data: Buffer): boolean {
    const old = this.#fields.get(field);
    this.#fields.set(field, data);
    this.bytes += data.length - (old ? old.length : -field.length - ELEMENT_OVERHEAD);
    return old === undefined;
  }
  delete(field: string): boolean {
    const old = this.#fields.get(field);
    if (!old) return false;
    this.#fields.delete(field);
    this.bytes -= field.length + old.length + ELEMENT_OVERHEAD;
    return true;
  }
  entries(): Iterable<[string, Buffer]> {
    return this.#fields;
  }
}

export class SetValue {
  readonly type = 'set';
  readonly #members = new Set<string>();
  bytes = 0;

  get size(): number {
    return this.#members.size;
  }
  has(member: string): boolean {
    return this.#members.has(member);
  }
  add(member: string): boolean {
    if (this.#members.has(member)) return false;
    this.#members.add(member);
    this.bytes += member.length + ELEMENT_OVERHEAD;
    return true;
  }
  delete(member: string): boolean {
    if (!this.#members.delete(member)) return false;
    this.bytes -= member.length + ELEMENT_OVERHEAD;
    return true;
  }
  members(): Iterable<string> {
    return this.#members;
  }
}

export class ListValue {
  readonly type = 'list';
  readonly #items: Buffer[] = [];
  bytes = 0;

  get size(): number {
    return this.#items.length;
  }
  push(side: 'left' | 'right', data: Buffer): void {
    if (side === 'left') this.#items.unshift(data);
    else this.#items.push(data);
    this.bytes += data.length + ELEMENT_OVERHEAD;
  }
  pop(side: 'left' | 'right'): Buffer | undefined {
    const data = side === 'left' ? this.#items.shift() : this.#items.pop();
    if (data) this.bytes -= data.length + ELEMENT_OVERHEAD;
    return data;
  }
  /** From start to end, both included; negative positions count from the end. */
  range(start: number, end: number): Buffer[] {
    return this.#items.slice(...slicePositions(start, end, this.#items.length));
  }
}

export class SortedSetValue {
  readonly type = 'zset';
  readonly #set = new SortedSet();
  bytes = 0;

  get size(): number {
    return this.#set.size;
  }
  score(member: string): number | undefined {
    return this.#set.score(member);
  }
  set(member: string, score: number): boolean {
    const added = this.#set.set(member, score);
    if (added) this.bytes += member.length + 2 * ELEMENT_OVERHEAD;
    return added;
  }
  delete(member: string): boolean {
    const deleted = this.#set.delete(member);
    if (deleted) this.bytes -= member.length + 2 * ELEMENT_OVERHEAD;
    return deleted;
  }
  ordered(): readonly ScoredMember[] {
    return this.#set.ordered();
  }
}

export type Value = StringValue | HashValue | SetValue | ListValue | SortedSetValue;
export type ValueType = Value['type'];

/** Redis' inclusive positions (negative from the end) as the half-open pair that Array.slice takes. */
export function slicePositions(start: number, end: number, length: number): [number, number] {
  const first = Math.max(0, start < 0 ? length + start : start);
  const last = end < 0 ? length + end : end;
  return last < first ? [0, 0] : [first, last + 1];
}
