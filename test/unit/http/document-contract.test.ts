import { expect, it } from 'vitest';
import { createDocument } from '../../../functions/http/contract/documents.ts';
import { search } from '../../../functions/http/contract/search.ts';
import { check } from '../../../functions/http/request-body.ts';

it('holds a source to the bytes that the database can index, not to its characters', () => {
  const body = { collection_id: `col_${'0'.repeat(32)}`, name: 'x', content: 'x' };
  const accepts = (source_uri: string) => createDocument.safeParse({ ...body, source_uri }).success;
  expect(accepts('é'.repeat(1_024))).toBe(true);
  expect(accepts('é'.repeat(1_025))).toBe(false);
});

it('says what a label may be, and at which place of a filter something is wrong', async () => {
  const document = { collection_id: `col_${'0'.repeat(32)}`, name: 'x', content: 'x', metadata: { a: { b: 1 } } };
  await expect(check(createDocument, document)).rejects.toMatchObject({
    errors: [
      { pointer: '/metadata/a', detail: expect.stringMatching(/a string of at most 2000 characters, a number/) },
    ],
  });
  const inner = { type: 'eq', key: 'a', value: { b: 1 } };
  await expect(
    check(search, { query: 'x', filter: { type: 'and', filters: [{ type: 'eq', key: 'a', value: 1 }, inner] } }),
  ).rejects.toMatchObject({
    errors: [{ pointer: '/filter/filters/1/value', detail: expect.stringMatching(/a string of at most/) }],
  });
  await expect(check(search, { query: 'x', filter: { type: 'like', key: 'a', value: 1 } })).rejects.toMatchObject({
    errors: [{ pointer: '/filter/type' }],
  });
});
