import { describe, expect, it } from 'vitest';
import { quoteOf } from '../../../shared/answering/store-query.ts';
import { defaultChunking, split } from '../../../shared/ingestion/split.ts';
import { loadTokenCounter } from '../../../shared/ingestion/token-counter.ts';
import { hitOf } from './hits.ts';

const pages = ['Harbours of the north.', 'Hirtshals was opened in 1930.', '', 'Skagen was opened in 1907.'];
const ids = { chunkId: '01'.repeat(16), documentId: '02'.repeat(16), collectionId: '03'.repeat(16) };

describe('a citation', () => {
  it('stands on the page of its quote, in a chunk that reaches over several', async () => {
    let text = '';
    const pageStarts = pages.map((page) => {
      const start = text.length;
      text += `${page}\n`;
      return start;
    });
    const [chunk] = [...split({ text, format: 'pdf', pageStarts } as never, defaultChunking, await loadTokenCounter())];
    if (!chunk) throw new Error('no chunk');
    const hit = hitOf({ ...ids, text: chunk.text, location: chunk.location });
    const pageOf = (quote: string) => quoteOf({ kind: 'document', n: 1, hit, quote }).location.page;
    expect([pageOf('of the north'), pageOf('opened in 1930'), pageOf('in 1907')]).toEqual([1, 2, 4]);
    expect(quoteOf({ kind: 'document', n: 1, hit, quote: 'in 1907' }).location).not.toHaveProperty('page_starts');
  });
});
