import { beforeAll, describe, expect, it } from 'vitest';
import type { TextFormat } from '../../../shared/ingestion/boundary-kinds.ts';
import { defaultChunking, split } from '../../../shared/ingestion/split.ts';
import { loadTokenCounter, type TokenCounter } from '../../../shared/ingestion/token-counter.ts';

/** The same words for the same seed: of about the lengths that prose has. */
function prose(random: () => number, words: number): string {
  const sentences: string[] = [];
  for (let left = words; left > 0; ) {
    const length = Math.min(left, 6 + Math.floor(random() * 16));
    const sentence = Array.from({ length }, () => vocabulary[Math.floor(random() * vocabulary.length)]).join(' ');
    sentences.push(`${sentence[0]?.toUpperCase()}${sentence.slice(1)}.`);
    left -= length;
  }
  return sentences.join(' ');
}

const vocabulary =
  'river valley stone harbour winter market bridge letter garden window morning engine copper signal ledger meadow tower lantern harvest voyage'.split(
    ' ',
  );

/** Park and Miller's minimal standard generator. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const shapes: readonly { name: string; format: TextFormat; paragraphs: (random: () => number) => string[] }[] = [
  {
    name: 'Markdown with headings',
    format: 'markdown',
    paragraphs: (random) =>
      Array.from({ length: 1_300 }, (_, i) =>
        i % 12 === 0 ? `## Section ${i / 12}` : prose(random, 60 + Math.floor(random() * 300)),
      ),
  },
  {
    name: 'Markdown without headings',
    format: 'markdown',
    paragraphs: (random) => Array.from({ length: 1_150 }, () => prose(random, 60 + Math.floor(random() * 300))),
  },
  {
    name: 'plain text in short paragraphs',
    format: 'plain',
    paragraphs: (random) => Array.from({ length: 4_200 }, () => prose(random, 20 + Math.floor(random() * 80))),
  },
  {
    name: 'plain text in long paragraphs',
    format: 'plain',
    paragraphs: (random) => Array.from({ length: 155 }, () => prose(random, 1_200 + Math.floor(random() * 900))),
  },
];

const edits: readonly { name: string; edit: (paragraphs: string[], random: () => number) => void }[] = [
  { name: 'an edit at the start', edit: (all, random) => void all.splice(1, 1, prose(random, 90)) },
  {
    name: 'two words at any place',
    edit: (all, random) => {
      const at = 1 + Math.floor(random() * (all.length - 1));
      all.splice(at, 1, `${all[at]} Quite so.`);
    },
  },
  {
    name: 'an edit in the middle',
    edit: (all, random) => void all.splice(Math.floor(all.length / 2) + 1, 1, prose(random, 130)),
  },
  {
    name: 'an insertion',
    edit: (all, random) => void all.splice(Math.floor(all.length / 3) + 1, 0, prose(random, 70)),
  },
  { name: 'a deletion', edit: (all) => void all.splice(Math.floor(all.length / 3) + 1, 1) },
];

describe('an edited paragraph', () => {
  let counter: TokenCounter;
  beforeAll(async () => {
    counter = await loadTokenCounter();
  });
  const hashes = (paragraphs: readonly string[], format: TextFormat) => {
    const document = { text: paragraphs.join('\n\n'), format, mediaType: 'text/plain' };
    return Array.from(split(document, defaultChunking, counter), (chunk) => chunk.contentHash.toString('hex'));
  };

  it.each(shapes)(
    'buys at most three chunks, in $name',
    ({ format, paragraphs }) => {
      const random = generator(11);
      const before = paragraphs(random);
      const known = new Set(hashes(before, format));
      expect(known.size).toBeGreaterThan(900);
      for (const { name, edit } of edits) {
        const after = [...before];
        edit(after, random);
        const bought = hashes(after, format).filter((hash) => !known.has(hash)).length;
        expect(bought, name).toBeGreaterThan(0);
        expect(bought, name).toBeLessThanOrEqual(3);
      }
    },
    60_000,
  );
});
