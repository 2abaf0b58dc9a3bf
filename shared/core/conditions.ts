import { timeOfUuid } from './ids.ts';

/**
 * The conditions of a list, with the values of their placeholders. The statement contains only the conditions that are asked for: with
 * `$n IS NULL OR …`, a plan could use no index.
 */
export class Conditions {
  readonly values: unknown[];
  readonly #all: string[];

  /** @param values those of $1 and on, which the conditions given here and the rest of the statement name */
  constructor(values: readonly unknown[], ...conditions: readonly string[]) {
    this.values = [...values];
    this.#all = [...conditions];
  }

  /** A condition on a value; none when the value is undefined. @param condition from the value's place, such as `$3` */
  where(condition: (place: string) => string, value: unknown): void {
    if (value === undefined) return;
    this.values.push(value);
    this.#all.push(condition(`$${this.values.length}`));
  }

  /** A condition without a value. */
  also(condition: string): void {
    this.#all.push(condition);
  }

  /**
   * Rows after a given one in a list with the newest first. The time is read from the id, so that nothing is looked up, and leads to the
   * partition of its month.
   * @param column of the time @param id UUID of the last row of the page before; undefined for the first page
   */
  olderThan(column: string, id: string | undefined): void {
    if (id === undefined) return;
    const time = timeOfUuid(id);
    this.where((place) => `${column} <= ${place}`, time);
    this.values.push(time, id);
    const last = this.values.length;
    this.#all.push(`(${column}, id) < ($${last - 1}::timestamptz, $${last}::uuid)`);
  }

  toString(): string {
    return this.#all.join(' AND ');
  }
}
