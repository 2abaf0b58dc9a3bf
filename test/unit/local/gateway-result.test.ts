import { describe, expect, it } from 'vitest';
import { parseBufferedResult, parseStreamMetadata } from '../../../infra/local/gateway/proxy-result.ts';

describe('the result of a proxy function', () => {
  it.each([
    ['null'],
    ['"text"'],
    ['[]'],
    ['{}'],
    ['{"statusCode":"abc"}'],
    ['{"statusCode":99}'],
    ['{"statusCode":200.5}'],
    ['{"statusCode":200,"body":{}}'],
    ['{"statusCode":200,"multiValueHeaders":{"a":"b"}}'],
    ['{'],
  ])('%s is malformed', (payload) => {
    expect(parseBufferedResult(payload)).toBeUndefined();
  });

  it('may leave out all but the status, which may be text', () => {
    expect(parseBufferedResult('{"statusCode":"204"}')).toEqual({
      statusCode: 204,
      headers: {},
      body: '',
      isBase64Encoded: false,
    });
  });

  it('prefers several values of a header to one', () => {
    const payload = { statusCode: 200, headers: { 'x-a': '1', B: 2 }, multiValueHeaders: { 'X-A': ['1', 2] } };
    expect(parseBufferedResult(JSON.stringify(payload))?.headers).toEqual({ 'X-A': ['1', '2'], B: '2' });
  });
});

describe('the metadata of a stream', () => {
  it('means 200 when it says nothing, and may carry cookies', () => {
    expect(parseStreamMetadata('{"cookies":["a=1"]}')).toEqual({ statusCode: 200, headers: { 'Set-Cookie': ['a=1'] } });
    expect(parseStreamMetadata('{"statusCode":418}')?.statusCode).toBe(418);
    expect(parseStreamMetadata('not json')).toBeUndefined();
  });
});
