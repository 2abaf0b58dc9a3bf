import { PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { endOfJob, eventually, type Json } from '../../support/api-client.ts';
import { maximumFileBytes, type Workspace, type World } from './world.ts';

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
