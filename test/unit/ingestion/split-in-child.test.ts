import { afterAll, describe, expect, it } from 'vitest';
import { endIdleChild } from '../../../shared/ingestion/kept-child.ts';
import { split } from '../../../shared/ingestion/split.ts';
import { smallTextLimits, splitInChild } from '../../../shared/ingestion/split-in-child.ts';
import { loadTokenCounter } from '../../../shared/ingestion/token-counter.ts';

afterAll(endIdleChild);

const mostChunks = 20;
const chunking = { maxTokens: 50, overlapTokens: 10 };
const textOf = (body: Uint8Array | string, name = 'notes.md') => ({
  name,
  contentType: 'text/markdown',
  chunking,
  body: Buffer.from(body),
});
const prose = (topic: string): string =>
  `## ${topic}\n\n${`Of ${topic} — “mostly” 汉字 and 👩‍👩‍👧 — is said. `.repeat(10)}\n\n`;

describe('texts that are split in a child together', () => {
  it('give each what it gives by itself', async () => {
    const texts = [
      `\ufeff${prose('rivers')}`,
      '',
      prose('lakes').repeat(30),
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      Buffer.from(`\ufeff${prose('seas')}`, 'utf16le'),
      '\ufeff\ufeffTwice marked.',
    ].map((body) => textOf(body));
    const results = await splitInChild(texts, { mostChunks });
    const counter = await loadTokenCounter();
    const alone = (text: string) => [...split({ text, format: 'markdown', mediaType: 'x' }, chunking, counter)];
    expect(results).toEqual([
      { status: 'fulfilled', value: alone(prose('rivers')) },
      { status: 'rejected', reason: expect.objectContaining({ code: 'empty_file' }) },
      { status: 'fulfilled', value: undefined },
      { status: 'rejected', reason: expect.objectContaining({ code: 'unsupported_media_type' }) },
      { status: 'fulfilled', value: alone(prose('seas')) },
      { status: 'fulfilled', value: alone('\ufeffTwice marked.') },
    ]);
  });

  it('take none of each other along when one takes longer than is granted', async () => {
    endIdleChild();
    const limits = { ...smallTextLimits, timeoutMilliseconds: 1 };
    const results = await splitInChild([textOf(prose('a')), textOf(prose('b'))], { mostChunks, limits });
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: { name: 'EndedItsProcess' } });
    expect(await splitInChild([textOf(prose('a'))], { mostChunks })).toMatchObject([{ status: 'fulfilled' }]);
  });
});
