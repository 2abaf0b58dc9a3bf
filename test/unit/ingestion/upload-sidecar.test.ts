import { expect, it } from 'vitest';
import type { ObjectStore } from '../../../shared/core/object-store.ts';
import { readSidecar } from '../../../shared/ingestion/upload-sidecar.ts';

const read = (text: string) =>
  readSidecar({ get: async () => ({ body: Buffer.from(text) }) } as unknown as ObjectStore, 'a.pdf.metadata.json');

it('a sidecar labels its file by flat values that a row can hold, and the rest of it is passed over', async () => {
  expect(await read('{"metadata":{"year":2026,"draft":true,"by":"Ada","of":{"a":1},"no":null}}')).toEqual({
    year: 2026,
    draft: true,
    by: 'Ada',
  });
  // JSON can write numbers that no number of JavaScript is, and would come back as null.
  expect(await read('{"far":1e999,"near":-1e999,"fits":1e300,"nul":"a\\u0000","lone":"\\ud800"}')).toEqual({
    fits: 1e300,
  });
  expect(await read('no JSON')).toBeUndefined();
});
