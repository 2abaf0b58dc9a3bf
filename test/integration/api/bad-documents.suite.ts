import { PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { endOfJob, eventually, type Json } from '../../support/api-client.ts';
import {
  encryptedOffice,
  paragraph,
  sampleEpub,
  samplePptx,
  sampleXlsx,
  shape,
  wordParts,
  zipOf,
} from '../../unit/ingestion/formats/sample-archives.ts';
import { encryptedPdf, loopingPdfs, pdfBomb, samplePdf } from '../../unit/ingestion/formats/sample-pdf.ts';
import { maximumFileBytes, shortVisibilitySeconds, uuidOf, type Workspace, type World } from './world.ts';

type Ending = { readonly status: 'ready' } | { readonly status: 'failed'; readonly code: string };

const ready: Ending = { status: 'ready' };
const failed = (code: string): Ending => ({ status: 'failed', code });

/** Whatever comes as a document ends with a word, and its neighbours do not notice. */
export function badDocumentSuite(world: World): void {
  describe('a document', () => {
    let home: Workspace;
    beforeAll(async () => {
      home = await world().workspace('bad documents');
    });

    const posted: [what: string, content: string, ending: Ending][] = [
      ['that is empty', '', failed('empty_file')],
      ['of white space', ' \n\t \u00a0\u2003\n', failed('no_text_found')],
      ['of one letter', 'x', ready],
      ['of 100,000 letters without a break', 'x'.repeat(100_000), ready],
      ['of 60,000 Chinese characters', '字'.repeat(60_000), ready],
      ['that names a special token', 'Before <|endoftext|> and <|fim_prefix|> after.', ready],
      ['of emoji with joiners', '👩‍👩‍👧‍👦🏽'.repeat(500), ready],
      ['of combining marks', `a${'\u0301'.repeat(5_000)}`, ready],
      ['with the whole range of controls', `text ${'\u0007'} and more text`.repeat(50), ready],
      ['of a million line breaks', `a${'\n'.repeat(250_000)}b`, ready],
      [
        'of headings only',
        Array.from({ length: 2_000 }, (_, i) => `${'#'.repeat((i % 6) + 1)} H${i}`).join('\n'),
        ready,
      ],
      ['with SQL in it', "'; DROP TABLE dbrag.documents; --", ready],
      ['that looks like a PDF', '%PDF-1.7\nnot really', failed('')],
    ];
    it('ends ready or failed with its code', async () => {
      const jobs = await Promise.all(
        posted.map(async ([what, content, ending], at) => {
          const { job, document } = await home.api.expect(202, 'POST', '/v1/documents', {
            collection_id: home.collectionId,
            name: `${at}.md`,
            content,
          });
          return { what, job, document, ending };
        }),
      );
      for (const { what, job, document, ending } of jobs) {
        const end = await endOfJob(home.api, job.id, 40_000);
        const now = await home.api.expect(200, 'GET', `/v1/documents/${document.id}`);
        if (ending.status === 'ready') {
          expect([what, now.status, now.error]).toEqual([what, 'ready', null]);
          expect(now.chunk_count).toBeGreaterThan(0);
        } else {
          expect([what, now.status, end.status]).toEqual([what, 'failed', 'failed']);
          if (ending.code !== '') expect([what, now.error.code]).toEqual([what, ending.code]);
          expect(end.error).toEqual(now.error);
          expect(end.why).toBe(now.error.message);
          expect(now.live_version).toBeNull();
        }
      }
      const counted = await home.api.expect(200, 'GET', `/v1/collections/${home.collectionId}`);
      expect(counted.documents.failed).toBe(posted.filter(([, , ending]) => ending.status === 'failed').length);
      const listed = await home.api.expect(200, 'GET', '/v1/documents?status=failed');
      expect(listed.data).toHaveLength(counted.documents.failed);
    });

    const random = Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 7919 + ((i * i) >> 3)) & 0xff));
    const put: [name: string, type: string, body: Buffer, ending: Ending][] = [
      ['binary.txt', 'text/plain', random, failed('unsupported_media_type')],
      ['empty.txt', 'text/plain', Buffer.alloc(0), failed('empty_file')],
      ['large.txt', 'text/plain', Buffer.alloc(maximumFileBytes + 1, 'large '), failed('file_too_large')],
      ['nul.txt', 'text/plain', Buffer.from('a text with\0 a NUL in the middle of it'), ready],
      ['latin.txt', 'text/plain; charset=iso-8859-1', Buffer.from('grüße', 'latin1'), ready],
      ['bom.txt', 'text/plain', Buffer.from('\ufeffa text with a mark'), ready],
      ['utf16.txt', 'text/plain', Buffer.from('\ufeffwide text', 'utf16le'), ready],
      [
        'image.png',
        'image/png',
        Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
        failed('unsupported_media_type'),
      ],
      ['program.exe', 'application/octet-stream', Buffer.from('\x7fELF\x02\x01\x01'), failed('unsupported_media_type')],
    ];
    it('ends so as a file in the bucket', async () => {
      for (const [name, type, body] of put)
        await world().s3.send(
          new PutObjectCommand({
            Bucket: world().cloud.uploadBucket,
            Key: `uploads/${home.id}/${home.collectionId}/files/${name}`,
            Body: body,
            ContentType: type,
          }),
        );
      for (const [name, , , ending] of put) {
        const document = await eventually(
          async () => {
            const { data } = await home.api.expect(200, 'GET', '/v1/documents?limit=100');
            return data.find((one: Json) => one.name === name);
          },
          (found) => found?.status === 'ready' || found?.status === 'failed',
          30_000,
        );
        const code = ending.status === 'failed' ? ending.code : undefined;
        expect([name, document.status, document.error?.code]).toEqual([name, ending.status, code]);
        if (ending.status === 'failed') continue;
        const { data } = await home.api.expect(200, 'GET', `/v1/documents/${document.id}/chunks`);
        expect(data[0].text).not.toMatch(/[\0\ufeff]/);
        if (name === 'latin.txt') expect(data[0].text).toBe('grüße');
        if (name === 'utf16.txt') expect(data[0].text).toBe('wide text');
      }
    });

    const entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>\n';
    const hostile: [name: string, body: Buffer, ending: Ending][] = [
      ['encrypted.docx', encryptedOffice(), failed('encrypted_file')],
      ['encrypted.xlsx', encryptedOffice(), failed('encrypted_file')],
      ['encrypted.pdf', encryptedPdf('secret'), failed('encrypted_file')],
      [
        'bomb.docx',
        zipOf(wordParts('', { 'word/media/a.bin': new Uint8Array(250_000_000) })),
        failed('file_expands_too_far'),
      ],
      ['bomb.pdf', pdfBomb(400_000_000), failed('file_expands_too_far')],
      ['entities.xlsx', sampleXlsx([{ name: 'S', rows: [['x']] }], entities), failed('file_expands_too_far')],
      ['nested.json', Buffer.from('['.repeat(299_000)), failed('file_expands_too_far')],
      ['nested.html', Buffer.from('<div>'.repeat(59_000)), failed('file_expands_too_far')],
      ['half.docx', zipOf(wordParts(paragraph('words'))).subarray(0, 400), failed('corrupt_file')],
      ['words.pdf', Buffer.from('just words'), failed('unsupported_media_type')],
      ['archive.zip', zipOf({ 'a.zip': zipOf({ b: 'x' }) }), failed('unsupported_media_type')],
      ['pictures.pdf', samplePdf([[], []]), failed('no_text_found')],
      ...Object.entries(loopingPdfs()).map(([name, body]): [string, Buffer, Ending] => [
        `${name}.pdf`,
        body,
        name.startsWith('a page tree') ? failed('corrupt_file') : ready,
      ]),
      ['renamed.pdf', zipOf(wordParts(paragraph('A Word document called a PDF.'))), ready],
    ];
    it('ends with its code when it is hostile, and its neighbours are ready at their first receive', async () => {
      const neighbours = hostile.map((_, i): [string, Buffer, Ending] =>
        i % 2 === 0
          ? [`beside-${i}.docx`, zipOf(wordParts(paragraph(`A neighbour, number ${i}.`))), ready]
          : [`beside-${i}.md`, Buffer.from(`# Neighbour ${i}\n\nIt is fine.`), ready],
      );
      const all = hostile.flatMap((file, i) => [file, neighbours[i] as [string, Buffer, Ending]]);
      const other = await world().workspace('hostile documents');
      const before = world().cloud.lines.length;
      const put = ([name, Body]: [string, Buffer, Ending]) =>
        world().s3.send(
          new PutObjectCommand({
            Bucket: world().cloud.uploadBucket,
            Key: `uploads/${other.id}/${other.collectionId}/${name}`,
            Body,
          }),
        );
      // On a busy machine a hostile file takes longer than the short time after which others' messages come again.
      world().hideMessages(300);
      await Promise.all(all.map(put));
      const ended = (status: string): boolean => status === 'ready' || status === 'failed';
      const list = async (): Promise<Json[]> => (await other.api.expect(200, 'GET', '/v1/documents?limit=100')).data;
      const documents = await eventually(
        list,
        (found) => found.length === all.length && found.every((one: Json) => ended(one.status)),
        240_000,
        // What is still under way is told by the comparison.
      ).catch(list);
      world().hideMessages(shortVisibilitySeconds);
      const outcomes = documents.map((one) => [one.name, one.status, one.error?.code]);
      const expected = all.map(([name, , ending]) => [
        name,
        ending.status,
        ending.status === 'failed' ? ending.code : undefined,
      ]);
      const byName = (one: (string | undefined)[], two: (string | undefined)[]) =>
        `${one[0]}`.localeCompare(`${two[0]}`);
      expect(outcomes.sort(byName)).toEqual(expected.sort(byName));
      const lines = world().cloud.lines.slice(before);
      for (const { id } of documents) {
        const receives = lines.filter((line) => line.includes('"document ingested"') && line.includes(uuidOf(id)));
        expect(receives, id).toHaveLength(1);
      }
      expect(lines.filter((line) => line.includes('record failed') && line.includes('ingest'))).toEqual([]);
    }, 300_000);

    it('of any format is read into chunks that say where they stand', async () => {
      const mail = 'From: a@x.org\r\nSubject: Offer\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nIt is ten.';
      const heading = { headings: ['Part'] };
      const files: [name: string, body: Buffer, text: string, location: object][] = [
        ['a.pdf', samplePdf([['First page.'], ['Second page.']]), 'First page.\n\nSecond page.', { page: 1 }],
        [
          'a.docx',
          zipOf(wordParts(paragraph('Part', 'berschrift1') + paragraph('Words.'))),
          '# Part\n\nWords.',
          heading,
        ],
        [
          'a.pptx',
          samplePptx([{ shapes: shape('title', 'Part'), notes: 'Say it.' }]),
          '# Part\n\nSay it.',
          { page: 1, ...heading },
        ],
        [
          'a.xlsx',
          sampleXlsx([
            {
              name: 'Part',
              rows: [
                ['city', 'sold'],
                ['Rome', 3],
              ],
            },
          ]),
          '# Part\n\ncity: Rome\nsold: 3',
          { sheet: 'Part', ...heading },
        ],
        ['a.csv', Buffer.from('city,sold\nRome,3\n'), 'city: Rome\nsold: 3', { headings: [] }],
        ['a.html', Buffer.from('<nav>no</nav><h1>Part</h1><p>Words.'), '# Part\n\nWords.', heading],
        [
          'a.epub',
          sampleEpub({ 'a.xhtml': '<html><body><h1>Part</h1><p>Words.</p></body></html>' }),
          '# Part\n\nWords.',
          heading,
        ],
        ['a.json', Buffer.from('{"a":{"b":"words"}}'), 'a.b: words', { headings: [] }],
        ['a.eml', Buffer.from(mail), '# Offer\n\nFrom: a@x.org\n\nIt is ten.', { headings: ['Offer'] }],
        [
          'utf16.txt',
          Buffer.from('Wide words without a mark.\n', 'utf16le'),
          'Wide words without a mark.',
          { headings: [] },
        ],
      ];
      const other = await world().workspace('formats');
      for (const [name, Body] of files) {
        const Key = `uploads/${other.id}/${other.collectionId}/${name}`;
        await world().s3.send(new PutObjectCommand({ Bucket: world().cloud.uploadBucket, Key, Body }));
      }
      const documents: Json[] = await eventually(
        async () => (await other.api.expect(200, 'GET', '/v1/documents?limit=100')).data,
        (found) => found.length === files.length && found.every((one: Json) => /ready|failed/.test(one.status)),
        120_000,
      );
      for (const [name, , text, location] of files) {
        const { id } = documents.find((one) => one.name === name);
        const { data } = await other.api.expect(200, 'GET', `/v1/documents/${id}/chunks`);
        expect([name, data.map((chunk: Json) => chunk.text)]).toEqual([name, [text]]);
        expect(data[0].location).toMatchObject({ ...location, start: 0, end: text.length });
      }
    }, 180_000);

    it('keeps answering from its last good version when the next one is bad', async () => {
      const body = { collection_id: home.collectionId, name: 'good.txt', source_uri: 'urn:good' };
      const good = await home.api.expect(202, 'POST', '/v1/documents', { ...body, content: 'Axolotls smile.' });
      await endOfJob(home.api, good.job.id);
      const bad = await home.api.expect(202, 'POST', '/v1/documents', { ...body, content: '   ' });
      expect(await endOfJob(home.api, bad.job.id)).toMatchObject({
        status: 'failed',
        error: { code: 'no_text_found' },
      });
      const now = await home.api.expect(200, 'GET', `/v1/documents/${good.document.id}`);
      expect(now).toMatchObject({ status: 'ready', version: 2, live_version: 1, error: { code: 'no_text_found' } });
      const { data } = await home.api.expect(200, 'POST', '/v1/search', { query: 'axolotls', mode: 'keyword' });
      expect(data).toMatchObject([{ document_id: good.document.id, version: 1 }]);
      const versions = await home.api.expect(200, 'GET', `/v1/documents/${good.document.id}/versions`);
      expect(versions.data.map((one: Json) => [one.version, one.status, one.error?.code])).toEqual([
        [2, 'failed', 'no_text_found'],
        [1, 'ready', undefined],
      ]);
    });

    it('that no model takes fails alone', async () => {
      const post = (name: string, content: string) =>
        home.api.expect(202, 'POST', '/v1/documents', { collection_id: home.collectionId, name, content });
      const poison = await post('poison.txt', 'Poison [[fault:context-length]] text.');
      const neighbour = await post('neighbour.txt', 'A neighbour of the poison.');
      expect(await endOfJob(home.api, neighbour.job.id)).toMatchObject({ status: 'succeeded' });
      expect(await endOfJob(home.api, poison.job.id)).toMatchObject({
        status: 'failed',
        error: { code: 'bad_embedding' },
      });
    });
  });
}
