import pg from 'pg';

const int8 = 20;
const date = 1082;

/** Counts and sums of tokens come as `bigint`, which `pg` gives as text: they are numbers here, and far below 2^53. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`a bigint beyond 2^53 came from the database: ${text}`);
  return value;
}

/** A `date` stays `2026-11-20`: `pg` would make midnight in the process's time zone of it. */
const parsers = new Map<number, (text: string) => unknown>([
  [int8, parseInt8],
  [date, (text) => text],
]);

export const valueParsers = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    (format !== 'binary' && parsers.get(oid)) ||
    pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};
