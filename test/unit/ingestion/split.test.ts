import fc from 'fast-check';
import { countTokens } from 'gpt-tokenizer/encoding/cl100k_base';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TextFormat } from '../../../shared/ingestion/boundary-kinds.ts';
import type { SheetStart } from '../../../shared/ingestion/parsed-document.ts';
import {
  type Chunk,
  type ChunkingSettings,
  contentHashOf,
  defaultChunking,
  split,
} from '../../../shared/ingestion/split.ts';
import { loadTokenCounter, longestWord, type TokenCounter } from '../../../shared/ingestion/token-counter.ts';

/** Times as many texts as `npm test` tries: `npm run test:split`. */
const times = Number(process.env.TEXTS ?? 1);

let counter: TokenCounter;
beforeAll(async () => {
  counter = await loadTokenCounter();
});

const exactly = (text: string): number => countTokens(text, { disallowedSpecial: new Set() });

function chunksOf(
  text: string,
  settings: ChunkingSettings = defaultChunking,
  format: TextFormat = 'markdown',
  sheets?: readonly SheetStart[],
): Chunk[] {
  return [...split({ text, format, mediaType: 'x', ...(sheets ? { sheets } : {}) }, settings, counter)];
}

const word = fc.oneof(
  fc.constantFrom(
    'alpha',
    'the',
    "don't",
    '§4.2',
    '3.14159',
    '汉字',
    'ਪੰਜਾਬੀ',
    '👩‍👩‍👧',
    '=====',
    '<|endoftext|>',
    'x'.repeat(40),
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
);
const piece = fc.oneof(
  { weight: 8, arbitrary: fc.array(word, { minLength: 1, maxLength: 60 }).map((words) => words.join(' ')) },
  { weight: 2, arbitrary: fc.array(word, { minLength: 1, maxLength: 9 }).map((words) => `${words.join(' ')}. `) },
  fc.constantFrom(
    '\n\n',
    '\n',
    '\n## Part\n\n',
    '\nTitle\n===\n',
    '\n```js\n',
    '\n```\n',
    '\n| a | b |\n|---|---|\n',
    '\n- item ',
  ),
  fc
    .tuple(fc.constantFrom('a', ' ', '\n', '!', '汉', '1', '👍', 'ab'), fc.integer({ min: 100, max: 900 }))
    .map(([s, n]) => s.repeat(n)),
);
const texts = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join('').toWellFormed());
const settings = fc
  .record({ maxTokens: fc.integer({ min: 16, max: 200 }), share: fc.double({ min: 0, max: 0.5, noNaN: true }) })
  .map(({ maxTokens, share }) => ({ maxTokens, overlapTokens: Math.floor(maxTokens * share) }));

describe('split, for any text and settings', () => {
  it('cuts slices of the text with exact counts and hashes, within the limit', () => {
    fc.assert(
      fc.property(
        texts,
        settings,
        fc.constantFrom<TextFormat[]>('markdown', 'plain', 'records', 'sheets'),
        (text, chunking, format) => {
          for (const [ordinal, chunk] of chunksOf(text, chunking, format).entries()) {
            expect(chunk.ordinal).toBe(ordinal);
            expect(chunk.text).toBe(text.slice(chunk.location.start, chunk.location.end));
            expect(chunk.text.trim()).toBe(chunk.text);
            expect(chunk.text).not.toBe('');
            expect(chunk.text.isWellFormed()).toBe(true);
            expect(chunk.tokenCount).toBe(exactly(chunk.text));
            expect(chunk.tokenCount).toBeLessThanOrEqual(chunking.maxTokens);
            expect(chunk.contentHash).toEqual(contentHashOf(chunk.text));
          }
        },
      ),
      { numRuns: 150 * times },
    );
  });

  it('covers every character that is not whitespace, and repeats at most the overlap', () => {
    fc.assert(
      fc.property(texts, settings, (text, chunking) => {
        let covered = 0;
        for (const { location } of chunksOf(text, chunking)) {
          expect(text.slice(covered, Math.max(covered, location.start)).trim()).toBe('');
          expect(location.end).toBeGreaterThan(covered);
          if (location.start < covered)
            expect(exactly(text.slice(location.start, covered))).toBeLessThanOrEqual(chunking.overlapTokens);
          covered = location.end;
        }
        expect(text.slice(covered).trim()).toBe('');
      }),
      { numRuns: 100 * times },
    );
  });

  it('gives the same chunks for the same text', () => {
    fc.assert(
      fc.property(texts, settings, (text, chunking) => {
        expect(chunksOf(text, chunking)).toEqual(chunksOf(text, chunking));
      }),
      { numRuns: 30 * times },
    );
  });
});

describe('split, of what belongs together', () => {
  const words = (count: number): string => 'word '.repeat(count).trim();
  const lines = (count: number): string => `${words(7)}\n`.repeat(count).trim();
  const fence = (count: number): string => `\`\`\`js\n${lines(count)}\n\`\`\``;
  const row = (count: number): string => `| ${words(count)} | x |`;
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 });
  const blocks: [what: string, format: TextFormat, of: (size: number) => string, by: string][] = [
    ['a fence', 'markdown', fence, '\n\n'],
    ['a row of a table', 'markdown', (size) => row(size * 6), '\n'],
    ['a record', 'records', (size) => `name: ${words(size)}\nnote: ${words(size * 3)}`, '\n\n'],
    ['a record of a sheet', 'sheets', (size) => `name: ${words(size)}\nnote: ${words(size * 3)}`, '\n\n'],
  ];

  it.each(blocks)('%s is not cut if it fits', (_, format, blockOf, separator) => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 60, max: 420 }), fc.nat(200), (list, maxTokens, before) => {
        const parts = list.map(blockOf);
        const text = `${words(before)}\n\n${parts.join(separator)}`;
        const chunks = chunksOf(text, { maxTokens, overlapTokens: Math.floor(maxTokens / 4) }, format);
        let start = text.indexOf(parts[0] as string, words(before).length);
        for (const part of parts) {
          const end = start + part.length;
          const parting = chunks.filter(({ location }) => location.start > start && location.start < end);
          if (exactly(part) <= maxTokens) expect(parting).toEqual([]);
          start = end + separator.length;
        }
      }),
      { numRuns: 40 * times },
    );
  });

  it('no chunk reaches over two sheets, and each names its own', () => {
    const sheet = (name: string): string => `# ${name}\n\n${Array(5).fill('a: 1\nb: 2').join('\n\n')}`;
    const text = [sheet('One'), sheet('Two'), sheet('Three')].join('\n\n');
    const sheets = ['One', 'Two', 'Three'].map((name) => ({ name, start: Math.max(0, text.indexOf(`# ${name}`) - 2) }));
    const chunks = chunksOf(text, defaultChunking, 'sheets', sheets);
    expect(chunks.map(({ location }) => [location.sheet, location.headings])).toEqual([
      ['One', ['One']],
      ['Two', ['Two']],
      ['Three', ['Three']],
    ]);
    expect(chunks.map((chunk) => chunk.text)).toEqual([sheet('One'), sheet('Two'), sheet('Three')]);
  });
});

describe('split, at its best', () => {
  const sentence = 'The quick brown fox jumps over the lazy dog. ';

  it('keeps sections apart and names the headings above each', () => {
    const body = sentence.repeat(12);
    const chunks = chunksOf(`# Guide\n\n## Setup\n\n${body}\n\n### Linux\n\n${body}\n\nUsage\n-----\n\n${body}`);
    expect(chunks.map((chunk) => chunk.location.headings)).toEqual([
      ['Guide', 'Setup'],
      ['Guide', 'Setup', 'Linux'],
      ['Guide', 'Usage'],
    ]);
    expect(chunks[2]?.text.startsWith('Usage\n-----')).toBe(true);
  });

  it('does not take a comment in a code block or a line of front matter for a heading', () => {
    const chunks = chunksOf(`---\ntitle: x\n---\n# Real\n\n\`\`\`sh\n# not one\n\`\`\`\n\n${sentence.repeat(50)}`);
    expect(chunks.at(-1)?.location.headings).toEqual(['Real']);
  });

  it('prefers the end of a paragraph to the end of a sentence, and that to a word', () => {
    const paragraph = sentence.repeat(16).trim();
    const paragraphs = chunksOf(Array(6).fill(paragraph).join('\n\n'), { maxTokens: 400, overlapTokens: 0 });
    expect(paragraphs.map((chunk) => chunk.text)).toEqual(Array(3).fill(`${paragraph}\n\n${paragraph}`));
    for (const { text } of chunksOf(sentence.repeat(200))) expect(text.endsWith('dog.')).toBe(true);
    for (const { text } of chunksOf('word '.repeat(2_000))) expect(text.endsWith('word')).toBe(true);
  });

  it('repeats whole sentences as overlap', () => {
    const text = Array.from({ length: 100 }, (_, i) => `Sentence number ${i} says something.`).join(' ');
    const chunks = chunksOf(text);
    expect(chunks.length).toBeGreaterThan(1);
    for (const [i, chunk] of chunks.entries()) {
      expect(chunk.text).toMatch(/^Sentence number \d+ /);
      const before = chunks[i - 1];
      if (before) expect(chunk.location.start).toBeLessThan(before.location.end);
    }
  });

  it('keeps rows of a table and lines of code whole', () => {
    const rows = Array.from({ length: 300 }, (_, i) => `| ${i} | some value | another value |`);
    for (const { text } of chunksOf(`| n | a | b |\n|---|---|---|\n${rows.join('\n')}`)) {
      expect(text.startsWith('|')).toBe(true);
      expect(text.endsWith('|')).toBe(true);
    }
  });

  it('changes only the chunks of the section that was edited', () => {
    const section = (name: string): string => `## ${name}\n\n${sentence.repeat(60)}\n\n`;
    const before = chunksOf(section('One') + section('Two') + section('Three'));
    const after = chunksOf(section('One') + section('Two').replace('lazy', 'very lazy') + section('Three'));
    const known = new Set(before.map((chunk) => chunk.contentHash.toString('hex')));
    const fresh = after.filter((chunk) => !known.has(chunk.contentHash.toString('hex')));
    expect(fresh.length).toBeGreaterThan(0);
    expect(fresh.every((chunk) => chunk.location.headings[0] === 'Two')).toBe(true);
  });

  it('refuses settings that cannot work', () => {
    expect(() => chunksOf('x', { maxTokens: 8, overlapTokens: 0 })).toThrow(RangeError);
    expect(() => chunksOf('x', { maxTokens: 100, overlapTokens: 60 })).toThrow(RangeError);
  });
});

describe('a word', () => {
  it('that is long is counted as the tokeniser counts it', () => {
    const letters = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzßéж汉字가あ', 'ing', 'tion', 'un');
    const signs = fc.constantFrom('👩', '👍', '\u200d', '=', '-', '*', '。');
    const units = [letters, signs].map((unit) => fc.array(unit, { minLength: 12, maxLength: 120 }));
    fc.assert(
      fc.property(fc.oneof(...units), (parts) => {
        const word = parts.join('').slice(0, longestWord).toWellFormed();
        expect(counter.countWord(word)).toBe(exactly(word));
      }),
      { numRuns: 200 * times },
    );
    for (const word of ['x'.repeat(256), '汉'.repeat(256), '👍'.repeat(128), '='.repeat(256), 'ab'.repeat(128)])
      expect(counter.countWord(word)).toBe(exactly(word));
  });
});

describe('split, in time that grows with the text', () => {
  /** Processor time of this process, not of the clock: other tests run on the same cores. Figures: `npm run bench:split`. */
  const millisecondsOf = (text: string): number => {
    const before = process.cpuUsage();
    for (const chunk of split({ text, format: 'markdown', mediaType: 'x' }, defaultChunking, counter))
      expect(chunk.tokenCount).toBeGreaterThan(0);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  const prose =
    '## Heading\n\nPeople say, quite often, that 42 things matter. They are right: see `code` and [links](x). \n\n- item one\n- item two\n\n';

  const line = '\nconst value = read();';

  it.each([
    ['Markdown', prose, 2e5],
    ['one letter', 'a', 2e4],
    ['letters without a break', 'abcdefghijklmnopqrstuvwxyz', 5e4],
    ['Chinese without a stop', '汉字文本', 5e4],
    ['digits', '1234567890', 5e4],
    ['signs', '!@#$%^&*()', 5e4],
    ['emoji', '👩‍👩‍👧', 5e4],
    ['whitespace', ' \n\t', 1e6],
    ['blanks', ' ', 1e6],
    ['stops', '. ', 2e5],
    ['empty headings', '#\n', 1e5],
    ['fences', '```\n', 1e5],
    ['one fence', line, 5e5],
    ['tables', '|\n', 1e5],
    ['setext', 'a\n-\n\n', 1e5],
  ])('%s', (_, unit, length) => {
    const opening = unit === line ? '```' : '#';
    const text = (size: number): string => `${opening} ${unit.repeat((length * size) / unit.length)} end`;
    millisecondsOf(text(1));
    const small = millisecondsOf(text(1));
    // A quadratic step would make it 64 times as much.
    expect(millisecondsOf(text(8))).toBeLessThan(8 * 2.5 * Math.max(small, 20));
  });
});
