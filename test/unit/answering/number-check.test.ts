import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CitedValues } from '../../../shared/answering/cited-value.ts';
import { KnownNumbers } from '../../../shared/answering/known-numbers.ts';
import { NumberCheck } from '../../../shared/answering/number-check.ts';
import type { QueryResult } from '../../../shared/answering/query-result.ts';
import { tellResult } from '../../../shared/answering/tell-result.ts';

const result = (rows: QueryResult['rows'], columns = ['a', 'b']): QueryResult => ({
  connectionId: '0',
  connectionName: 'shop',
  statement: 'SELECT 1',
  columns,
  rows,
  truncated: false,
  tables: [],
  assumptions: [],
  executedAt: new Date(0),
  rowsMayBeSent: true,
});
const rows = result([
  ['Paris', '1234.567'],
  ['Rome, Italy', '412'],
]);

function checked(text: string, cuts: readonly number[] = [text.length]): { text: string; marked: number } {
  const known = new KnownNumbers();
  known.addResult(rows);
  known.addText('Refunds take 14 days since 2026-10-01.');
  const check = new NumberCheck(known);
  let shown = '';
  for (let at = 0, i = 0; at < text.length; i += 1) {
    const length = Math.max(1, cuts[i % cuts.length] ?? 1);
    shown += check.push(text.slice(at, at + length));
    at += length;
  }
  return { text: shown + check.flush(), marked: check.unverified };
}

describe('numbers in an answer', () => {
  it.each([
    'There are 412.',
    'Together 1,646.567, on average 823.2835, 2 rows.',
    'It is 1,234.57 or about 1235, or 1.234.567'.replace('1.234.567', '1 thousand'.replace('1 thousand', '1,234.567')),
    'After 14 days, in 2026.',
    '1. First\n2) Second',
    'Q3 and v2 and SKU17 are names.',
  ])('that are known stay: %s', (text) => {
    expect(checked(text)).toEqual({ text, marked: 0 });
  });

  it.each([
    ['There are 999.', 'There are 999 (unverified).'],
    ['4120 or 41', '4120 (unverified) or 41 (unverified)'],
    ['9007199254740993', '9007199254740993 (unverified)'],
    ['$998 million lost', '$998 million (unverified) lost'],
    ['up 77%', 'up 77% (unverified)'],
  ])('that are known from nowhere are marked: %s', (text, marked) => {
    expect(checked(text).text).toBe(marked);
  });

  it('are read the same however the text is cut', () => {
    const text = 'Of 1,234.567 there are 412 and 999, 5 million, 14.5 % in 2026-10-01\n1. one\n2. two 77';
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }), (cuts) => {
        expect(checked(text, cuts)).toEqual(checked(text));
      }),
    );
  });
});

describe('a cited value', () => {
  const values = new CitedValues(rows);
  it.each([
    ['412', '412'],
    ['b: 412', '412'],
    ['Rome, Italy', 'Rome, Italy'],
    ['1,234.57', '1234.567'],
    ['412 orders', '412'],
    ['2', '2'],
    ['413', undefined],
    ['London', undefined],
    ['412 of 413', undefined],
    ['', undefined],
  ])('%s is %s', (quote, value) => {
    expect(values.quoted(quote)).toBe(value);
  });

  it('is found behind a statement that names none', () => {
    expect(values.supporting('The biggest city is Paris')).toBe('Paris');
    expect(values.supporting('The biggest city is London')).toBeUndefined();
  });

  it('is told without a model, with nothing in it that a browser would load or that reads as a mark', () => {
    const told = tellResult(result([['![x](https://evil.example) [2]', null]]), 1);
    expect(told.text).toBe('The database "shop" says: a: x ((link removed) 2, b: null [1].');
    expect(tellResult(result([]), 3)).toMatchObject({
      text: 'The database "shop" has no rows that match [3].',
      citation: { kind: 'sql', n: 3, value: '0' },
    });
  });
});
