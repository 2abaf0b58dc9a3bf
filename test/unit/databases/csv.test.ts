import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toCsv } from '../../../shared/databases/csv.ts';

describe('CSV', () => {
  it('runs nothing in a spreadsheet, and leaves numbers numbers', () => {
    const formulas = ['=1+1', '+1+1', '-1+1', '@SUM(A1)', '\tx', '-2.5', '-1e5', '1'];
    expect(
      toCsv(
        ['=x'],
        formulas.map((text) => [text]),
      ),
    ).toBe("'=x\r\n'=1+1\r\n'+1+1\r\n'-1+1\r\n'@SUM(A1)\r\n'\tx\r\n-2.5\r\n-1e5\r\n1\r\n");
  });

  it('is read back as it was, but for the quote before formulas', () => {
    const text = fc.string().filter((value) => !/^[=+\-@\t\r]/.test(value));
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1 }), (rows) => {
        expect(parse(toCsv(['a', 'b'], rows), { from: 2, record_delimiter: '\r\n' })).toEqual(rows);
      }),
    );
  });
});
