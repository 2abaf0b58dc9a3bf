import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod/mini';
import { check, readJsonBody, unstorableText } from '../../../functions/http/request-body.ts';

const request = (body: string, type = 'application/json') =>
  new Request('http://api/', { method: 'POST', body, headers: { 'content-type': type } });

describe('a body', () => {
  it('is JSON of any of its media types', async () => {
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/Vnd.api+JSON'])
      expect(await readJsonBody(request('{"a":1}', type))).toEqual({ a: 1 });
    for (const type of ['text/plain', 'application/jsonp', 'application/x-www-form-urlencoded', 'xjson'])
      await expect(readJsonBody(request('{}', type))).rejects.toMatchObject({ code: 'unsupported_media_type' });
  });

  it('may be missing where all of its members may be', async () => {
    const bare = () => new Request('http://x/', { method: 'POST' });
    expect(await readJsonBody(bare(), { mayBeEmpty: true })).toEqual({});
    await expect(readJsonBody(bare())).rejects.toMatchObject({ code: 'malformed_json' });
  });

  it('is measured in bytes, not in characters', async () => {
    const text = (characters: number) => JSON.stringify('ü'.repeat(characters));
    await expect(readJsonBody(request(text(2 * 1024 * 1024 - 1)))).resolves.toBeTypeOf('string');
    await expect(readJsonBody(request(text(2 * 1024 * 1024)))).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('that any JSON value can be is taken, unless it cannot be stored', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const text = JSON.stringify(value);
        const hasFault = /\\u0000|\\ud[89a-f]/i.test(text) && !isStorable(value);
        expect(unstorableText(value).length > 0).toBe(hasFault);
      }),
    );
  });

  it('has pointers to what is wrong in it, as RFC 6901 writes them', async () => {
    const schema = z.strictObject({ 'a/b': z.array(z.strictObject({ '~': z.number() })) });
    const errors = await check(schema, { 'a/b': [{ '~': 'x', more: 1 }] }).then(
      () => [],
      (error) => error.errors.map(({ pointer }: { pointer: string }) => pointer),
    );
    expect(errors.sort()).toEqual(['/a~1b/0/more', '/a~1b/0/~0']);
  });

  it('is told what it holds instead, and nothing only where nothing is', async () => {
    const schema = z.strictObject({ limit: z.number(), name: z.string() });
    const detailsOf = (value: unknown) =>
      check(schema, value).then(
        () => [],
        (error) => error.errors.map(({ detail }: { detail: string }) => detail),
      );
    expect(await detailsOf({ limit: 'ten' })).toEqual([
      'Invalid input: expected number, received string',
      'Missing: expected string',
    ]);
    expect(await detailsOf([])).toEqual(['Invalid input: expected object, received array']);
  });
});

function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, member]) => isStorable(key) && isStorable(member));
}
