import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FormatMediaType, formatMediaTypes } from '../../../../shared/ingestion/formats/media-types.ts';
import { parseFormat } from '../../../../shared/ingestion/formats/parse-format.ts';
import { parse } from '../../../../shared/ingestion/parse.ts';
import { defaultParseLimits } from '../../../../shared/ingestion/parse-in-child.ts';
import { watchingChildren } from '../../../support/child-memory.ts';
import {
  encryptedOffice,
  openDocument,
  paragraph,
  sampleEpub,
  samplePptx,
  sampleXlsx,
  shape,
  wordParts,
  zipOf,
} from './sample-archives.ts';
import { crowdedPdf, encryptedPdf, loopingPdfs, pdfBomb, samplePdf } from './sample-pdf.ts';

const entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>\n';
const docx = zipOf(wordParts(paragraph('words')));
const samples: Readonly<Record<string, Uint8Array>> = {
  pdf: samplePdf([['words of a page'], ['more of them']]),
  docx,
  pptx: samplePptx([{ shapes: shape('title', 'words'), notes: 'n' }]),
  xlsx: sampleXlsx([
    {
      name: 'S',
      rows: [
        ['a', 'b'],
        ['words', 2],
      ],
    },
  ]),
  epub: sampleEpub({ 'a.xhtml': '<html><body><p>words</p></body></html>' }),
  odt: openDocument('text', '<text:p>words</text:p>'),
  ods: openDocument('spreadsheet', '<table:table table:name="S"><table:table-row/></table:table>'),
  html: Buffer.from('<table><tr><td>words<td>x</table><ul><li>a</ul><pre>b'),
  csv: Buffer.from('a,b\n"x, y",2\n'),
  json: Buffer.from('{"a":[1,{"b":"words"}]}'),
  eml: Buffer.from('Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nwords\r\n--b--'),
};

/** An archive whose directory and headers declare fewer bytes than its entry expands to. */
function lyingZip(bytes: number): Buffer {
  const zip = zipOf({ ...wordParts(''), 'word/document.xml': Buffer.alloc(bytes, ' ') });
  const declared = Buffer.alloc(4);
  declared.writeUInt32LE(bytes);
  const small = Buffer.alloc(4);
  small.writeUInt32LE(1_000);
  for (let at = zip.indexOf(declared); at >= 0; at = zip.indexOf(declared, at + 4)) small.copy(zip, at);
  return zip;
}

const outcomeOf = (name: string, bytes: Uint8Array): Promise<string> =>
  parse(bytes, { name, contentType: null }).then(
    ({ mediaType }) => mediaType,
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );

describe('hostile files', () => {
  it.each([
    ['an encrypted PDF', 'x.pdf', encryptedPdf('secret'), 'encrypted_file'],
    ['an encrypted Word document', 'x.docx', encryptedOffice(), 'encrypted_file'],
    ['an encrypted workbook', 'x.xlsx', encryptedOffice(), 'encrypted_file'],
    [
      'an old Word document',
      'x.doc',
      Buffer.from('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'.padEnd(2_048, '\0'), 'latin1'),
      'unsupported_media_type',
    ],
    ['a PDF that is only a header', 'x.pdf', Buffer.from('%PDF-1.7\n'), 'corrupt_file'],
    ['half a PDF', 'x.pdf', samples.pdf?.subarray(0, 300), 'corrupt_file'],
    ['half a Word document', 'x.docx', docx.subarray(0, docx.length / 2), 'corrupt_file'],
    [
      'a Word document without its text',
      'x.docx',
      zipOf({ '[Content_Types].xml': '<Types/>', 'word/document.xml': '<w:x' }),
      'corrupt_file',
    ],
    ['another archive called a Word document', 'x.docx', zipOf({ 'a.txt': 'x' }), 'unsupported_media_type'],
    [
      'a Word document called a workbook',
      'x.xlsx',
      docx,
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    ],
    ['words called a PDF', 'x.pdf', Buffer.from('just words'), 'unsupported_media_type'],
    [
      'a picture called a Word document',
      'x.docx',
      Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      'unsupported_media_type',
    ],
    ['binary data called a table', 'x.csv', Buffer.alloc(500, '\x01\x02\x03'), 'unsupported_media_type'],
    ['nothing', 'x.pdf', Buffer.alloc(0), 'empty_file'],
    ['a PDF without text', 'x.pdf', samplePdf([[], []]), 'no_text_found'],
    [
      'entities in a Word document',
      'x.docx',
      zipOf({ ...wordParts(''), 'word/document.xml': `${entities}<x>&b;</x>` }),
      'file_expands_too_far',
    ],
    ['entities in a workbook', 'x.xlsx', sampleXlsx([{ name: 'S', rows: [['x']] }], entities), 'file_expands_too_far'],
    ['entities in a book', 'x.epub', sampleEpub({ 'a.xhtml': `${entities}<html/>` }), 'file_expands_too_far'],
    [
      '300 MB of zeros beside the text',
      'x.docx',
      zipOf(wordParts('', { 'word/media/a.bin': new Uint8Array(300_000_000) })),
      'file_expands_too_far',
    ],
    ['an archive that declares less than it holds', 'x.docx', lyingZip(120_000_000), 'file_expands_too_far'],
    [
      '11,000 entries',
      'x.docx',
      zipOf({ ...wordParts(''), ...Object.fromEntries(Array.from({ length: 11_000 }, (_, i) => [`${i}`, ''])) }),
      'file_expands_too_far',
    ],
    ['a million nested elements', 'x.html', Buffer.from('<div>'.repeat(1_000_000)), 'file_expands_too_far'],
    ['nested XML', 'x.odt', openDocument('text', '<text:span>'.repeat(5_000)), 'file_expands_too_far'],
    ['10 million nested arrays', 'x.json', Buffer.from('['.repeat(10_000_000)), 'file_expands_too_far'],
    [
      'one header repeated by a million rows',
      'x.csv',
      Buffer.from(`${'h'.repeat(1_000_000)},b\n${'1,2\n'.repeat(1_000_000)}`),
      'file_expands_too_far',
    ],
    ...Object.entries(loopingPdfs()).map(
      ([name, bytes]) =>
        [name, 'x.pdf', bytes, name.startsWith('a page tree') ? 'corrupt_file' : 'application/pdf'] as const,
    ),
    [
      'an archive of an archive of 300 MB of zeros',
      'x.zip',
      zipOf({ 'a.zip': zipOf({ b: new Uint8Array(3e8) }) }),
      'unsupported_media_type',
    ],
    ['a page of 60,000 pieces of text', 'x.pdf', crowdedPdf(60_000), 'file_expands_too_far'],
    ['a page that expands to 400 MB', 'x.pdf', pdfBomb(400_000_000), 'file_expands_too_far'],
  ] as const)(
    '%s',
    async (_, name, bytes, outcome) => {
      const before = process.memoryUsage.rss();
      const { result, milliseconds, peak } = await watchingChildren(() => outcomeOf(name, bytes ?? Buffer.alloc(0)));
      expect(result).toBe(outcome);
      expect(process.memoryUsage.rss() - before).toBeLessThan(200_000_000);
      expect(peak).toBeLessThanOrEqual(512 * 1_024 * 1_024);
      expect(milliseconds).toBeLessThanOrEqual(60_000);
    },
    90_000,
  );

  it('would be seen to take more than it is granted', async () => {
    const { peak } = await watchingChildren(() => outcomeOf('x.docx', docx));
    expect(peak).toBeGreaterThan(20_000_000);
  });

  it('reads an honest file after all of them', async () => {
    expect(await outcomeOf('x.docx', docx)).toMatch(/wordprocessingml/);
  });
});

describe('any bytes', () => {
  const request = (mediaType: FormatMediaType) => ({
    mediaType,
    name: 'x',
    contentType: null,
    limits: defaultParseLimits,
  });
  const isFine = (outcome: string): boolean => outcome === 'parsed' || outcome === 'refused';

  it('give a document or a refusal, as any format', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(...formatMediaTypes), async (bytes, type) => {
        const { header, body } = await parseFormat(request(type), bytes);
        expect(isFine(header.outcome)).toBe(true);
        expect(Buffer.from(body).includes(0)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('in the middle of a file do so too', async () => {
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    const changes = fc.array(change, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(samples)), changes, fc.nat(), async (name, edits, cut) => {
        const bytes = Uint8Array.from(samples[name] ?? []);
        for (const { at, byte } of edits) bytes[at % bytes.length] = byte;
        const end = cut % 3 === 0 ? cut % bytes.length : bytes.length;
        const outcome = await outcomeOf(`x.${name}`, bytes.subarray(0, end));
        expect(outcome).toMatch(
          /\/|^(corrupt_file|unsupported_media_type|encrypted_file|no_text_found|file_expands_too_far|empty_file)$/,
        );
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it('inside of an archive do so too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('word/document.xml', 'word/styles.xml'),
        async (bytes, part) => {
          const { header } = await parseFormat(
            request(formatMediaTypes[1]),
            zipOf({ ...wordParts(''), [part]: bytes }),
          );
          expect(isFine(header.outcome)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });
});
