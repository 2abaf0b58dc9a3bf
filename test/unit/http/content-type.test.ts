import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentType } from '../../../functions/http/contract/documents.ts';

const accepts = (text: string): boolean => contentType.safeParse(text).success;

describe('the content type of a document', () => {
  it.each([
    'text/plain',
    'text/markdown; charset=utf-8',
    'text/plain;charset="utf-8"; format=flowed',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'text/plain; charset="a; b"',
  ])('may be %s', (text) => {
    expect(accepts(text)).toBe(true);
  });

  it.each([
    'text',
    'text/plain;',
    'text/plain\r\nx-amz-acl: public-read',
    'text/plain; charset="a\nb"',
    'text/plain;\u00a0charset=utf-8',
    'text/plain; charset=\u{1f600}',
    'text/plain; charset="\u00fc"',
  ])('may not be %j', (text) => {
    expect(accepts(text)).toBe(false);
  });

  it('is a header that the bucket takes, whatever is accepted', () => {
    const part = fc.constantFrom(
      ' ',
      ';',
      '=',
      '"',
      'a',
      '\n',
      '\r',
      '\t',
      '\0',
      '\u00a0',
      '\u2028',
      '\u00fc',
      '\u{1f600}',
      '\x7f',
    );
    const parameters = fc.array(part, { maxLength: 20 }).map((parts) => `text/plain; charset=${parts.join('')}`);
    fc.assert(fc.property(parameters, (text) => !accepts(text) || /^[ -~]*$/.test(text)));
  });
});
