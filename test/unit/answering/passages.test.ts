import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkOfSpan, fitPassages } from '../../../shared/answering/passages.ts';
import type { SearchHit } from '../../../shared/retrieval/search.ts';
import { hitOf } from './hits.ts';

const document =
  'One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen.';
const chunk = (ordinal: number, start: number, end: number, more: Partial<Omit<SearchHit, 'text'>> = {}): SearchHit =>
  hitOf({
    text: document.slice(start, end),
    chunkId: `c${ordinal}`,
    ordinal,
    location: { headings: [], start, end },
    tokenCount: 10,
    ...more,
  });

describe('passages', () => {
  it('put neighbours of a document together, with what they share once', () => {
    const hits = [chunk(1, 20, 60), chunk(0, 0, 30), chunk(5, 80, 100), chunk(2, 60, 80)];
    const [first, second] = fitPassages(hits, 1_000);
    expect(first?.chunks.map(({ hit }) => hit.ordinal)).toEqual([0, 1, 2]);
    expect(first?.text.replace('\n', '')).toBe(document.slice(0, 80));
    expect(second).toMatchObject({ n: 2, text: document.slice(80, 100) });
  });

  it('are of one version and one document', () => {
    const hits = [chunk(0, 0, 30), chunk(1, 20, 60, { version: 2 }), chunk(1, 20, 60, { documentId: 'other' })];
    expect(fitPassages(hits, 1_000).map(({ chunks }) => chunks.length)).toEqual([1, 1, 1]);
  });

  it('fit into the budget, best first; the best alone may be over it', () => {
    const big = (ordinal: number, tokenCount: number) =>
      chunk(ordinal, 0, 30, { tokenCount, documentId: `d${ordinal}` });
    const chosen = (budget: number) =>
      fitPassages([big(1, 50), big(2, 500), big(3, 20)], budget).map(({ chunks }) => chunks[0]?.hit.ordinal);
    expect(chosen(160)).toEqual([1, 3]);
    expect(chosen(10)).toEqual([1]);
    expect(chosen(10_000)).toEqual([1, 2, 3]);
    expect(fitPassages([], 100)).toEqual([]);
  });

  it('quote from the chunk that is cited, whatever part of a passage is meant', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: document.length - 1 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(cuts, fc.nat(12), fc.nat(), fc.nat(), (places, overlap, from, length) => {
        const ends = [...new Set([...places, document.length])].sort((one, other) => one - other);
        const hits = ends.map((end, i) => chunk(i, Math.max(0, (ends[i - 1] ?? 0) - (i === 0 ? 0 : overlap)), end));
        const passage = fitPassages(hits, 10_000)[0];
        if (!passage) throw new Error('There is one.');
        for (const { hit, start, end } of passage.chunks) expect(passage.text.slice(start, end)).toBe(hit.text);
        const start = from % passage.text.length;
        const span = { start, end: Math.min(passage.text.length, start + 1 + (length % 40)) };
        const quoted = chunkOfSpan(passage, span);
        if (quoted) expect(quoted.hit.text).toContain(quoted.quote);
        else expect(passage.text.slice(span.start, span.end).trim()).toBe('');
      }),
      { numRuns: 500 },
    );
  });
});
