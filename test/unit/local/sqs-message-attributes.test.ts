import { describe, expect, test } from 'vitest';
import {
  digestOfAttributes,
  parseMessageAttributes,
  selectAttributes,
  sizeOf,
} from '../../../infra/local/sqs/message-attributes.ts';

describe('message attributes', () => {
  test('have the digest that AWS computes', () => {
    // A value that SQS itself answered, kept in the tests of the moto project.
    const attributes = { timestamp: { DataType: 'Number', StringValue: '1493147359900' } };
    expect(digestOfAttributes(attributes)).toBe('235c5c510d26fb653d073faed50ae77c');
    expect(digestOfAttributes({})).toBeUndefined();
  });
  test('have a digest that does not depend on their order', () => {
    const a = { DataType: 'String', StringValue: '1' };
    const b = { DataType: 'Binary', BinaryValue: 'AA==' };
    expect(digestOfAttributes({ a, b })).toBe(digestOfAttributes({ b, a }));
    expect(digestOfAttributes({ a })).not.toBe(digestOfAttributes({ a: { ...a, DataType: 'Number' } }));
  });
  test('count towards the size in bytes', () => {
    const attributes = {
      key: { DataType: 'String', StringValue: 'ї' },
      raw: { DataType: 'Binary', BinaryValue: 'AAEC' },
    };
    expect(sizeOf('ї', attributes)).toBe(2 + 3 + 6 + 2 + 3 + 6 + 3);
  });
  test.each([
    [
      'eleven of them',
      Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`a${at}`, { DataType: 'String', StringValue: 'x' }])),
    ],
    ['an empty value', { a: { DataType: 'String', StringValue: '' } }],
    ['a value of the wrong type', { a: { DataType: 'Binary', StringValue: 'x' } }],
    ['an unknown type', { a: { DataType: 'Float', StringValue: '1' } }],
    ['a reserved name', { 'AWS.a': { DataType: 'String', StringValue: 'x' } }],
    ['a name with two dots', { 'a..b': { DataType: 'String', StringValue: 'x' } }],
  ])('refuse %s', (_name, attributes) => {
    expect(() => parseMessageAttributes(attributes)).toThrow();
  });
  test.each([
    [['All'], ['a', 'a.b', 'c']],
    [['.*'], ['a', 'a.b', 'c']],
    [['a.*'], ['a.b']],
    [['a', 'x'], ['a']],
    [[], []],
  ])('chosen by %j', (wanted, names) => {
    const one = { DataType: 'String', StringValue: 'x' };
    expect(Object.keys(selectAttributes({ a: one, 'a.b': one, c: one }, wanted))).toEqual(names);
  });
});
