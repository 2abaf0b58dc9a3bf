import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { DocumentError } from '../../../../shared/core/document-errors.ts';
import { parse } from '../../../../shared/ingestion/parse.ts';
import { split } from '../../../../shared/ingestion/split.ts';
import { loadTokenCounter, type TokenCounter } from '../../../../shared/ingestion/token-counter.ts';
import {
  openDocument,
  paragraph,
  sampleEpub,
  samplePptx,
  sampleXlsx,
  shape,
  wordParts,
  zipOf,
} from './sample-archives.ts';
import { samplePdf } from './sample-pdf.ts';

/** Few, since each makes a file: `npx vitest` with FORMAT_RUNS=1000 tries many. */
const numRuns = Number(process.env.FORMAT_RUNS ?? 12);

/** Headings and the lines below them: what a file of every format is made of. */
interface Section {
  readonly heading: string;
  readonly lines: readonly string[];
}

const word = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('river', 'the', '42', 'flows.', 'Why?', 'a|b', '# x', '- y', '```', '"q"') },
  fc.constantFrom('Größe', '汉字', '👩‍👩‍👧', 'مرحبا', 'e\u0301', '\u2028', 'x'.repeat(90)),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
);
const line = fc.array(word, { minLength: 1, maxLength: 25 }).map((words) => words.join(' '));
const section: fc.Arbitrary<Section> = fc.record({
  heading: line,
  lines: fc.array(line, { minLength: 1, maxLength: 8 }),
});
const sections = fc.array(section, { minLength: 1, maxLength: 6 });
const settings = fc.record({
  maxTokens: fc.constantFrom(16, 40, 400),
  overlapTokens: fc.constantFrom(0, 8),
});

/** What XML can hold, escaped. */
const escaped = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML has none of them
    .replace(/[\u0000-\u001f\ufffe\uffff]/g, ' ')
    .toWellFormed()
    .replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const html = (list: readonly Section[]): string =>
  list
    .map(
      ({ heading, lines }) => `<h2>${escaped(heading)}</h2>${lines.map((text) => `<p>${escaped(text)}</p>`).join('')}`,
    )
    .join('');
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const rowsOf = (list: readonly Section[]): string[][] =>
  list.flatMap(({ heading, lines }) => lines.map((text) => [heading, text]));

const formats: readonly [name: string, mediaType: string, make: (list: readonly Section[]) => Uint8Array][] = [
  ['PDF', 'application/pdf', (list) => samplePdf(list.map(({ heading, lines }) => [heading, '', ...lines]))],
  [
    'DOCX',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    (list) =>
      zipOf(
        wordParts(
          list
            .flatMap(({ heading, lines }) => [
              paragraph(escaped(heading), 'berschrift1'),
              ...lines.map((text) => paragraph(escaped(text))),
            ])
            .join(''),
        ),
      ),
  ],
  [
    'PPTX',
    'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    (list) =>
      samplePptx(
        list.map(({ heading, lines }) => ({
          shapes: shape('title', escaped(heading)) + shape('', ...lines.map(escaped)),
          notes: escaped(lines[0] ?? ''),
        })),
      ),
  ],
  [
    'XLSX',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    (list) =>
      sampleXlsx(
        list.map(({ heading, lines }, i) => ({
          name: `Sheet ${i}`,
          rows: [['name', 'text'], ...lines.map((text) => [escaped(heading), escaped(text)])],
        })),
      ),
  ],
  [
    'ODT',
    'application/vnd.oasis.opendocument.text',
    (list) =>
      openDocument(
        'text',
        list
          .map(
            ({ heading, lines }) =>
              `<text:h text:outline-level="1">${escaped(heading)}</text:h>${lines.map((text) => `<text:p>${escaped(text)}</text:p>`).join('')}`,
          )
          .join(''),
      ),
  ],
  [
    'EPUB',
    'application/epub+zip',
    (list) =>
      sampleEpub(
        Object.fromEntries(list.map((each, i) => [`c${i}.xhtml`, `<html><body>${html([each])}</body></html>`])),
      ),
  ],
  ['HTML', 'text/html', (list) => Buffer.from(`<!DOCTYPE html><meta charset=utf-8><body>${html(list)}`)],
  [
    'CSV',
    'text/csv',
    (list) => Buffer.from([['name', 'text'], ...rowsOf(list)].map((row) => row.map(quoted).join(',')).join('\r\n')),
  ],
  ['JSON', 'application/json', (list) => Buffer.from(JSON.stringify({ sections: list }))],
  [
    'JSONL',
    'application/x-ndjson',
    (list) => Buffer.from([...list, {}].map((each) => JSON.stringify(each)).join('\n')),
  ],
  [
    'EML',
    'message/rfc822',
    (list) =>
      Buffer.from(
        `From: a@x.org\r\nSubject: Sections\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(
          list.map(({ heading, lines }) => [heading, ...lines].join('\r\n')).join('\r\n\r\n'),
        ).toString('base64')}`,
      ),
  ],
  [
    'Markdown',
    'text/markdown',
    (list) => Buffer.from(list.map(({ heading, lines }) => `## ${heading}\n\n${lines.join('\r\n')}`).join('\n\n')),
  ],
  ['plain text', 'text/plain', (list) => Buffer.from(list.map(({ lines }) => lines.join('\r')).join('\n\n'))],
];

let counter: TokenCounter;
beforeAll(async () => {
  counter = await loadTokenCounter();
});

describe.each(formats)('%s', (_, mediaType, make) => {
  it('is split into chunks whose range of the text is their own text, and which leave no word out', async () => {
    await fc.assert(
      fc.asyncProperty(sections, settings, async (list, chunking) => {
        const document = await parse(make(list), { name: 'x', contentType: mediaType }).catch((error: unknown) => {
          if (error instanceof DocumentError && error.code === 'no_text_found') return undefined;
          throw error;
        });
        if (!document) return;
        expect(document.mediaType).toBe(mediaType);
        expect(document.text).not.toMatch(/[\0\r]/);
        expect(document.text.isWellFormed()).toBe(true);
        let covered = 0;
        for (const { text, location } of split(document, chunking, counter)) {
          expect(document.text.slice(location.start, location.end)).toBe(text);
          expect(document.text.slice(covered, Math.max(covered, location.start)).trim()).toBe('');
          covered = Math.max(covered, location.end);
        }
        expect(document.text.slice(covered).trim()).toBe('');
      }),
      { numRuns },
    );
  });
});
