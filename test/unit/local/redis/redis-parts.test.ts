import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addDecimals } from '../../../../infra/local/redis/commands/decimal.ts';
import { globMatcher } from '../../../../infra/local/redis/commands/glob.ts';
import { toLua54 } from '../../../../infra/local/redis/lua/dialect.ts';
import { RequestParser } from '../../../../infra/local/redis/protocol/request-parser.ts';

test('requests come out as they went in, wherever the frames are cut', () => {
  const bulk = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const requests = fc.array(fc.array(bulk, { minLength: 1, maxLength: 4 }), { maxLength: 5 });
  fc.assert(
    fc.property(requests, fc.integer({ min: 1, max: 30 }), (sent, frame) => {
      const wire = Buffer.concat(
        sent.flatMap((args) => [
          Buffer.from(`*${args.length}\r\n`),
          ...args.flatMap((arg) => [Buffer.from(`$${arg.length}\r\n`), arg, Buffer.from('\r\n')]),
        ]),
      );
      const received: Buffer[][] = [];
      const parser = new RequestParser((args) => received.push(args));
      for (let start = 0; start < wire.length; start += frame) parser.push(wire.subarray(start, start + frame));
      expect(received).toEqual(sent);
    }),
  );
});

test.each([
  ['0.1', '0.2', '0.3'],
  ['1', '-1', '0'],
  ['1e3', '.5', '1000.5'],
  ['-0.000001', '0', '-0.000001'],
  ['10', '1e-20', '10'],
  ['99999999999999999999', '1', '100000000000000000000'],
])('%s + %s = %s', (left, right, sum) => expect(addDecimals(left, right)).toBe(sum));

test.each(['', '.', 'x', '1e9999', 'nan', '1 '])('%j is no decimal', (text) => {
  expect(() => addDecimals(text, '1')).toThrow('ERR value is not a valid float');
});

describe('glob patterns', () => {
  test.each([
    ['*', '', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['h[a-c]*', 'hbz', true],
    ['h[^a]llo', 'hallo', false],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['a*b*c', 'a__b__b_c', true],
    ['a*b*c', 'a__c', false],
    ['emb:{w}:*', 'emb:{w}:1', true],
  ])('%s on %s: %s', (pattern, text, expected) => expect(globMatcher(pattern)(text)).toBe(expected));

  test('a hostile pattern costs little', () => {
    const started = performance.now();
    expect(globMatcher(`${'a*'.repeat(50)}b`)('a'.repeat(5_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe('the dialect', () => {
  test.each([
    ['return 5 + 0x10 + 1.5 + .5 + 2e3', 'return 5.0 + 16.0 + 1.5 + .5 + 2e3'],
    ['local a1 = \'12\' .. "3" -- 4', 'local a1 = \'12\' .. "3" -- 4'],
    ['return [[1 // 2]] .. [==[ ]] 3 ]==]', 'return [[1 // 2]] .. [==[ ]] 3 ]==]'],
    ['--[[ 1\n ~ ]] return a ~= 1', '--[[ 1\n ~ ]] return a ~= 1.0'],
  ])('%s', (source, expected) => expect(toLua54(source)).toBe(expected));

  test('names the line of what 5.1 does not know', () => {
    expect(() => toLua54('local s = [[\n\n]]\nreturn 1 // 2')).toThrow("user_script:4: unexpected symbol near '//'");
  });
});
