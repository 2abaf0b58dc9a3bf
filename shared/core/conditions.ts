import { timeOfUuid } from './ids.ts';

/**
 * The conditions of a list, with the values that they take places for. Only what is asked for stands in the statement: a plan with
 * `$n IS NULL OR …` could use none of the indexes.
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
   * What comes after a row in a list of newest first. Its time stands in its id, so that nothing is looked up, and leads to the month
   * in which rows that are partitioned by time lie.
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
