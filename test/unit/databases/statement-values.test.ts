import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toJsonValue } from '../../../shared/databases/statement-values.ts';

const types = { bool: 16, int4: 23, int8: 20, float8: 701, numeric: 1700, text: 25, jsonb: 3802, date: 1082 };
const arrays = { bool: 1000, int4: 1007, int8: 1016, text: 1009, jsonb: 3807 };

describe('cells as JSON', () => {
  it('are exact or are texts', () => {
    expect(toJsonValue('t', types.bool)).toBe(true);
    expect(toJsonValue('-7', types.int4)).toBe(-7);
    expect(toJsonValue('9007199254740993', types.int8)).toBe('9007199254740993');
    expect(toJsonValue('1.5', types.float8)).toBe(1.5);
    expect(toJsonValue('-Infinity', types.float8)).toBe('-Infinity');
    expect(toJsonValue('NaN', types.numeric)).toBe('NaN');
    expect(toJsonValue(`1${'0'.repeat(400)}`, types.numeric)).toHaveLength(401);
    expect(toJsonValue('-infinity', types.date)).toBe('-infinity');
    expect(toJsonValue('\\xff00', 17)).toBe('\\xff00');
    expect(toJsonValue(null, types.text)).toBeNull();
  });

  it('keep numbers of JSON that a double cannot hold', () => {
    const told = toJsonValue(
      '{"a": 1e400, "b": 12345678901234567890, "c": 0.1, "d": [1.0], "e": 9007199254740991}',
      types.jsonb,
    );
    expect(told).toEqual({ a: '1e400', b: '12345678901234567890', c: 0.1, d: [1], e: 9_007_199_254_740_991 });
  });

  it('stay text where they are nested deeper than anybody reads', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    expect(toJsonValue(deep, types.jsonb)).toBe(deep);
  });

  it('are arrays where Postgres wrote one', () => {
    expect(toJsonValue('{1,NULL,3}', arrays.int4)).toEqual([1, null, 3]);
    expect(toJsonValue('{{1,2},{3,4}}', arrays.int4)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(toJsonValue('[0:1]={a,"NULL"}', arrays.text)).toEqual(['a', 'NULL']);
    expect(toJsonValue('{}', arrays.text)).toEqual([]);
    expect(toJsonValue('{t,f}', arrays.bool)).toEqual([true, false]);
    expect(toJsonValue('{"{\\"a\\": 1}"}', arrays.jsonb)).toEqual([{ a: 1 }]);
    expect(toJsonValue('{a,b', arrays.text)).toBe('{a,b');
  });

  it('come back from any array of texts as they went in', () => {
    const write = (texts: readonly string[]) =>
      `{${texts.map((text) => `"${text.replace(/[\\"]/g, (character) => `\\${character}`)}"`).join(',')}}`;
    fc.assert(
      fc.property(fc.array(fc.string()), (texts) => {
        expect(toJsonValue(write(texts), arrays.text)).toEqual(texts);
      }),
    );
  });

  it('never fail', () => {
    const type = fc.constantFrom(...Object.values(types), ...Object.values(arrays), 0);
    fc.assert(
      fc.property(fc.string(), type, (text, of) => {
        expect(JSON.stringify(toJsonValue(text, of))).toBeTypeOf('string');
      }),
    );
  });
});
