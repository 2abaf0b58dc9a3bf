import { expect, it } from 'vitest';
import { createDocument } from '../../../functions/http/contract/documents.ts';

it('holds a source to the bytes that the database can index, not to its characters', () => {
  const body = { collection_id: `col_${'0'.repeat(32)}`, name: 'x', content: 'x' };
  const accepts = (source_uri: string) => createDocument.safeParse({ ...body, source_uri }).success;
  expect(accepts('é'.repeat(1_024))).toBe(true);
  expect(accepts('é'.repeat(1_025))).toBe(false);
});
