import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { endOfJob, type Json } from '../../support/api-client.ts';
import type { Workspace, World } from './world.ts';

/** Many documents in one request. */
export function batchSuite(world: World): void {
  describe('a batch of documents', () => {
    let home: Workspace;
    beforeAll(async () => {
      home = await world().workspace('batches');
    });
    const body = (name: string, more: object = {}) => ({
      collection_id: home.collectionId,
      name,
      content: `A text that is called ${name} and stands in a batch.`,
      ...more,
    });
    const post = async (documents: readonly unknown[]): Promise<Json[]> =>
      (await home.api.expect(202, 'POST', '/v1/documents/batch', { documents })).data;
    const end = (item: Json) => endOfJob(home.api, item.job.id, 40_000);

    it('is answered in its order, and each is ingested and audited', async () => {
      const names = Array.from({ length: 12 }, (_, i) => `one-of-many-${i}.txt`);
      const data = await post(
        names.map((name, i) => body(name, { metadata: { i }, priority: i % 2 ? 'low' : 'critical' })),
      );
      expect(data.map((item) => item.document.name)).toEqual(names);
      for (const [i, item] of data.entries()) {
        expect(item.job).toMatchObject({ document_id: item.document.id, status: 'queued' });
        expect(item.document).toMatchObject({ metadata: { i }, version: 1 });
        expect(await end(item)).toMatchObject({ status: 'succeeded' });
      }
      const ids = data.map((item) => item.document.id);
      const rows = await world().count(
        `SELECT count(*) FROM dbrag.audit_events WHERE action = 'document.create' AND resource_id = ANY($1)`,
        [ids],
      );
      expect(rows).toBe(names.length);
    });

    it('may be a bare list', async () => {
      const { data } = await home.api.expect(202, 'POST', '/v1/documents/batch', [body('bare.txt')]);
      expect(await end(data[0])).toMatchObject({ status: 'succeeded' });
    });

    it('is refused only where it is wrong, with the reason', async () => {
      const elsewhere = await world().workspace('not the caller’s');
      const data = await post([
        body('good.txt'),
        { ...body('unknown.txt'), colour: 'red' },
        { ...body('foreign.txt'), collection_id: elsewhere.collectionId },
        { ...body('nul.txt'), content: 'a\u0000b' },
        { name: 'bare' },
        'no object',
        body('also-good.txt'),
      ]);
      expect(data.map((item) => item.error?.code)).toEqual([
        undefined,
        'validation_failed',
        'not_found',
        'validation_failed',
        'validation_failed',
        'validation_failed',
        undefined,
      ]);
      expect(data[1].error.errors).toEqual([{ pointer: '/colour', detail: 'Unknown member' }]);
      expect(data[3].error.errors).toMatchObject([{ pointer: '/content' }]);
      for (const item of [data[0], data[6]]) expect(await end(item)).toMatchObject({ status: 'succeeded' });
    });

    it('makes versions of a source that stands in it twice, in their order', async () => {
      const source_uri = 'https://example.com/page';
      const data = await post([
        body('first.txt', { source_uri, metadata: { kept: true } }),
        body('between.txt'),
        body('second.txt', { source_uri }),
        body('third.txt', { source_uri }),
      ]);
      const [first, , second, third] = data;
      expect([first, second, third].map((item) => item.document.version)).toEqual([1, 2, 3]);
      expect(new Set([first, second, third].map((item) => item.document.id)).size).toBe(1);
      expect(await end(third)).toMatchObject({ status: 'succeeded' });
      expect(await end(first)).toMatchObject({ status: 'cancelled', error: { code: 'superseded' } });
      const document = await home.api.expect(200, 'GET', `/v1/documents/${first.document.id}`);
      expect(document).toMatchObject({ name: 'third.txt', live_version: 3, metadata: { kept: true } });
      const [again] = await post([body('fourth.txt', { source_uri, metadata: {} })]);
      expect(again.document).toMatchObject({ id: first.document.id, version: 4, metadata: {} });
    });

    it('is accepted once under one key, and is another request with another body', async () => {
      const documents = [body('keyed.txt'), { name: 'wrong' }];
      const headers = { 'idempotency-key': randomUUID() };
      const [first, again] = await Promise.all([
        home.api.post('/v1/documents/batch', { documents }, headers),
        home.api.post('/v1/documents/batch', { documents }, headers),
      ]);
      expect([first.status, again.status]).toEqual([202, 202]);
      expect(again.body).toEqual(first.body);
      const changed = await home.api.post('/v1/documents/batch', { documents: [body('other.txt')] }, headers);
      expect(changed.body.code).toBe('idempotency_mismatch');
      const { data } = await home.api.expect(200, 'GET', '/v1/documents?limit=100');
      expect(data.filter((one: Json) => one.name === 'keyed.txt')).toHaveLength(1);
    });

    it('holds one to a thousand', async () => {
      for (const documents of [[], Array.from({ length: 1_001 }, () => ({}))])
        expect((await home.api.post('/v1/documents/batch', { documents })).body.code).toBe('validation_failed');
      const wrong = await home.api.post('/v1/documents/batch', { documents: [body('x')], extra: 1 });
      expect(wrong.status).toBe(422);
      const reader = await world().key(home, { role: 'reader' });
      expect((await reader.post('/v1/documents/batch', { documents: [body('x')] })).status).toBe(403);
    });
  });
}
