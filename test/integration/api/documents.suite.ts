import { beforeAll, describe, expect, it } from 'vitest';
import { endOfJob, eventually, ingest, type Json } from '../../support/api-client.ts';
import { uuidOf, type Workspace, type World } from './world.ts';

const section = (name: string, sentence: string) => `## ${name}\n\n${`${sentence} `.repeat(30).trim()}\n`;
/** Texts of one subject share no chunk with those of another: vectors are kept for a while by their text. */
const handbook = (food: string, animal = 'llama') =>
  [
    `# The ${animal}\n`,
    section('Home', `The ${animal} lives high in the Andes and carries loads for its herders.`),
    section('Food', food),
    section('Wool', `The fleece of the ${animal} is shorn every two years and spun into yarn.`),
  ].join('\n');

/** The way of a document from the first call to its deletion. */
export function documentSuite(world: World): void {
  describe('the way of a document', () => {
    let home: Workspace;
    beforeAll(async () => {
      home = await world().workspace('documents');
    });

    it('is told at each state by its job, with a reason and its progress', async () => {
      const { api, collectionId } = home;
      const accepted = await api.post('/v1/documents', {
        collection_id: collectionId,
        name: 'path.md',
        content: handbook('They eat grass and hay.'),
        content_type: 'text/markdown',
      });
      expect(accepted.status).toBe(202);
      const { document, job } = accepted.body;
      expect(accepted.headers.get('location')).toBe(`/v1/jobs/${job.id}`);
      expect(document).toMatchObject({
        object: 'document',
        collection_id: collectionId,
        status: 'queued',
        version: 1,
        live_version: null,
        source_uri: null,
        error: null,
      });
      expect(job).toMatchObject({
        object: 'job',
        type: 'ingest_document',
        status: 'queued',
        document_id: document.id,
        progress: { done: 0, total: null, unit: 'chunks' },
        why: 'Waiting for a worker of the default queue.',
      });
      const end = await endOfJob(api, job.id);
      expect(end).toMatchObject({ status: 'succeeded', error: null, attempts: 1 });
      expect(end.why).toMatch(/^Ready: \d+ chunks, \d+ embedded, 0 reused\.$/);
      expect(end.progress.done).toBe(end.progress.total);
      expect(Date.parse(end.created_at)).toBeLessThanOrEqual(Date.parse(end.started_at));
      expect(Date.parse(end.started_at)).toBeLessThanOrEqual(Date.parse(end.finished_at));
      const ready = await api.expect(200, 'GET', `/v1/documents/${document.id}`);
      expect(ready).toMatchObject({ status: 'ready', live_version: 1, reused_count: 0 });
      expect(ready.embedded_count).toBe(ready.chunk_count);
    });

    it('streams its job as events, and says nothing twice to a watcher that comes back', async () => {
      const { api, collectionId } = home;
      const { job } = await api.expect(202, 'POST', '/v1/documents', {
        collection_id: collectionId,
        name: 'events.txt',
        content: 'Something short to watch.',
      });
      const stream = await api.get(`/v1/jobs/${job.id}/events`);
      expect(stream.headers.get('content-type')).toMatch('text/event-stream');
      const done = stream.text.split('\n\n').find((event) => event.includes('event: done'));
      expect(stream.text).toMatch(/^retry: \d+\n\n/);
      expect(JSON.parse(/^data: (.*)$/m.exec(done ?? '')?.[1] ?? 'null')).toMatchObject({
        id: job.id,
        status: 'succeeded',
      });
      const id = /^id: (.*)$/m.exec(done ?? '')?.[1] ?? '';
      const again = await api.get(`/v1/jobs/${job.id}/events`, { 'last-event-id': id });
      expect([again.status, again.text]).toEqual([204, '']);
      expect((await api.get(`/v1/jobs/job_${'0'.repeat(32)}/events`)).status).toBe(404);
    });

    it('streams as many jobs at once as leave environments to others, and the next as soon as a watcher has left', async () => {
      const { api, collectionId, uuid } = await world().workspace('watches all');
      const { job } = await api.expect(201, 'POST', '/v1/uploads', {
        ...{ collection_id: collectionId, name: 'never.txt', content_type: 'text/plain', size_bytes: 5 },
      });
      // Others of the workspace. Real ones would need an environment each, of which a small machine has two.
      const others = (count: number) =>
        world().admin.query(
          `INSERT INTO dbrag.open_streams (workspace_id, id, expires_at)
           SELECT $1, dbrag.new_uuid(), now() + interval '1 hour' FROM generate_series(1, $2)`,
          [uuid, count],
        );
      const open = () => world().count('SELECT count(*) FROM dbrag.open_streams WHERE workspace_id = $1', [uuid]);
      const watch = (signal: AbortSignal) =>
        fetch(`${world().cloud.url}/v1/jobs/${job.id}/events`, {
          headers: { authorization: `Bearer ${api.key}` },
          signal,
        });
      await others(2);
      const watcher = new AbortController();
      const reader = (await watch(watcher.signal)).body?.getReader();
      await reader?.read();
      expect(await open()).toBe(3);
      watcher.abort();
      // A stream whose function died would count for longer than this.
      expect(await eventually(open, (count) => count === 2, 8_000)).toBe(2);
      await others(1);
      const refused = await watch(AbortSignal.timeout(30_000));
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
      expect(await refused.json()).toMatchObject({ code: 'rate_limited', detail: expect.stringContaining('hold 3') });
    });

    it('goes on where a watcher was that left in the middle, and waits for nobody', async () => {
      const { api, collectionId } = home;
      const { job, upload } = await api.expect(201, 'POST', '/v1/uploads', {
        ...{ collection_id: collectionId, name: 'watched.txt', content_type: 'text/plain', size_bytes: 5 },
      });
      const watch = (headers: Record<string, string>, signal: AbortSignal) =>
        fetch(`${world().cloud.url}/v1/jobs/${job.id}/events`, {
          headers: { authorization: `Bearer ${api.key}`, ...headers },
          signal,
        });
      // Nobody has put the file: the job waits, and so would its watcher.
      const leaving = new AbortController();
      const reader = (await watch({}, leaving.signal)).body?.pipeThrough(new TextDecoderStream()).getReader();
      let seen = '';
      while (!/^id: /m.test(seen)) seen += (await reader?.read())?.value ?? '';
      const id = /^id: (.*)$/m.exec(seen)?.[1] ?? '';
      leaving.abort();
      const back = await watch({ 'last-event-id': id }, AbortSignal.timeout(60_000));
      await fetch(upload.url, { method: 'PUT', headers: upload.headers, body: 'words' });
      const told = await back.text();
      expect(told).not.toContain(`id: ${id}\n`);
      expect(told).toMatch(/event: done\ndata: .*"status":"succeeded"/);
    });

    it('buys nothing for text that has not changed, and little for one paragraph that has', async () => {
      const { api, collectionId } = home;
      const { ledger } = world().cloud.models;
      const post = (content: string) =>
        ingest(api, {
          collection_id: collectionId,
          name: 'handbook.md',
          content,
          content_type: 'text/markdown',
          source_uri: 'https://llamas.example/handbook',
        });
      const before = ledger.snapshot().inputs;
      const first = await post(handbook('They eat moss.', 'vicuña'));
      expect(first).toMatchObject({ version: 1, live_version: 1 });
      expect(ledger.snapshot().inputs - before).toBe(first.chunk_count);
      expect(first.chunk_count).toBeGreaterThanOrEqual(3);

      const afterFirst = ledger.snapshot().inputs;
      const second = await post(handbook('They eat moss.', 'vicuña'));
      expect(second).toMatchObject({ id: first.id, version: 2, live_version: 2, embedded_count: 0 });
      expect(second.reused_count).toBe(second.chunk_count);
      expect(ledger.snapshot().inputs - afterFirst).toBe(0);

      const third = await post(handbook('They eat oats in winter, and salt.', 'vicuña'));
      const bought = ledger.snapshot().inputs - afterFirst;
      expect(third).toMatchObject({ id: first.id, version: 3, live_version: 3, embedded_count: bought });
      expect(bought).toBeGreaterThan(0);
      expect(bought).toBeLessThan(third.chunk_count);

      const versions = await api.expect(200, 'GET', `/v1/documents/${first.id}/versions`);
      expect(versions.data.map((version: Json) => [version.version, version.status])).toEqual([
        [3, 'ready'],
        [2, 'ready'],
        [1, 'ready'],
      ]);
      expect(versions.data[1].content_hash).toBe(versions.data[2].content_hash);
      expect(versions.data[0].content_hash).not.toBe(versions.data[2].content_hash);
      expect(versions.data[0].content_hash).toMatch(/^[0-9a-f]{64}$/);
    });

    it('tells of versions that have left, and reads a file again', async () => {
      const { api, collectionId } = home;
      const body = { collection_id: collectionId, name: 'tapir.md', source_uri: 'urn:tapir' };
      const first = await ingest(api, { ...body, content: handbook('They eat leaves.', 'tapir') });
      const second = await ingest(api, { ...body, content: handbook('They eat fruit.', 'tapir') });
      const path = `/v1/documents/${first.id}`;
      expect((await api.expect(200, 'GET', `${path}/chunks?version=1`)).data).toHaveLength(first.chunk_count);
      await world().admin.query(
        `UPDATE dbrag.document_versions SET retired_at = retired_at - interval '2 hours' WHERE document_id = $1`,
        [uuidOf(first.id)],
      );
      world().maintain({ kind: 'remove_version', workspace_id: home.uuid, not_before: 0 });
      const versions = await eventually(
        () => api.expect(200, 'GET', `${path}/versions`),
        ({ data }) => data[1].removed_at !== null,
      );
      expect(versions.data).toMatchObject([
        { version: 2, removed_at: null, reused_count: second.chunk_count - 1, embedded_count: 1 },
        { version: 1, status: 'ready', chunk_count: first.chunk_count, embedded_count: first.chunk_count },
      ]);
      expect((await api.get(`${path}/chunks?version=1`)).status).toBe(404);
      expect((await api.get(`${path}/chunks?version=9`)).status).toBe(404);

      const accepted = await api.expect(202, 'POST', `${path}/reingest`, { priority: 'critical' });
      expect(accepted.document).toMatchObject({ id: first.id, version: 3, live_version: 2, status: 'ready' });
      expect(await endOfJob(api, accepted.job.id)).toMatchObject({ status: 'succeeded' });
      const again = await api.expect(200, 'GET', path);
      expect(again).toMatchObject({ live_version: 3, embedded_count: 0, reused_count: second.chunk_count });
      const { url } = await api.expect(200, 'GET', `${path}/content`);
      expect(await (await fetch(url)).text()).toContain('They eat fruit.');
    });

    it('overtakes a version that is still under way, and says so', async () => {
      const { api, collectionId } = home;
      const body = { collection_id: collectionId, name: 'fast.txt', source_uri: 'urn:overtaken' };
      const first = await api.expect(202, 'POST', '/v1/documents', {
        ...body,
        content: 'The first text. [[fault:slow:ms=1500]]',
      });
      const second = await api.expect(202, 'POST', '/v1/documents', { ...body, content: 'The second text of two.' });
      expect(second.document).toMatchObject({ id: first.document.id, version: 2 });
      const overtaken = await endOfJob(api, first.job.id);
      expect(overtaken).toMatchObject({ status: 'cancelled', error: { code: 'superseded' } });
      expect(overtaken.why).toBe('Overtaken by version 2.');
      expect(await endOfJob(api, second.job.id)).toMatchObject({ status: 'succeeded' });
      const chunks = await api.expect(200, 'GET', `/v1/documents/${first.document.id}/chunks`);
      expect(chunks.data.map((chunk: Json) => chunk.text)).toEqual(['The second text of two.']);
    });

    it('shows its chunks in the order of the text, page by page', async () => {
      const { api, collectionId } = home;
      const document = await ingest(api, {
        collection_id: collectionId,
        name: 'chunks.md',
        content: handbook('They eat hay.'),
      });
      const all = await api.expect(200, 'GET', `/v1/documents/${document.id}/chunks`);
      expect(all.data).toHaveLength(document.chunk_count);
      expect(all.data.map((chunk: Json) => chunk.ordinal)).toEqual(all.data.map((_: Json, i: number) => i));
      const food = all.data.find((chunk: Json) => chunk.text.includes('They eat hay'));
      expect(food).toMatchObject({ object: 'chunk', location: { headings: ['The llama', 'Food'] } });
      expect(food.token_count).toBeGreaterThan(10);
      const page = await api.expect(200, 'GET', `/v1/documents/${document.id}/chunks?limit=2`);
      expect(page).toMatchObject({ first_id: all.data[0].id, last_id: all.data[1].id, has_more: true });
      const next = await api.expect(200, 'GET', `/v1/documents/${document.id}/chunks?limit=100&after=${page.last_id}`);
      expect(next.data).toEqual(all.data.slice(2));
      expect(next.has_more).toBe(false);
    });

    it('gives its original back by a URL', async () => {
      const { api, collectionId } = home;
      const content = 'Grüße aus den Anden — 羊驼';
      const document = await ingest(api, { collection_id: collectionId, name: 'größe "1".txt', content });
      const { url, expires_at } = await api.expect(200, 'GET', `/v1/documents/${document.id}/content`);
      const file = await fetch(url);
      expect(await file.text()).toBe(content);
      expect(file.headers.get('content-disposition')).toContain(encodeURIComponent('größe'));
      const minutes = (Date.parse(expires_at) - Date.now()) / 60_000;
      expect(minutes).toBeGreaterThan(10);
      expect(minutes).toBeLessThanOrEqual(15);
    });

    it('is renamed and relabelled without a new version', async () => {
      const { api, collectionId } = home;
      const document = await ingest(api, {
        collection_id: collectionId,
        name: 'old.txt',
        content: 'Alpacas are smaller than llamas.',
        metadata: { colour: 'brown' },
      });
      const renamed = await api.expect(200, 'PATCH', `/v1/documents/${document.id}`, { name: 'new.txt' });
      expect(renamed).toMatchObject({ name: 'new.txt', metadata: { colour: 'brown' }, version: 1 });
      const labelled = await api.expect(200, 'PATCH', `/v1/documents/${document.id}`, {
        metadata: { colour: 'white', legs: 4 },
      });
      expect(labelled).toMatchObject({ name: 'new.txt', metadata: { colour: 'white', legs: 4 }, live_version: 1 });
      const found = await api.expect(200, 'POST', '/v1/search', {
        query: 'alpacas',
        mode: 'keyword',
        filter: { type: 'eq', key: 'legs', value: 4 },
      });
      expect(found.data).toMatchObject([{ document_id: document.id, document_name: 'new.txt' }]);
    });

    it('disappears at once when it is deleted, and its rows and files with the job', async () => {
      const { api, collectionId } = home;
      const { admin } = world();
      const body = { collection_id: collectionId, name: 'gone.txt', source_uri: 'urn:gone', content: 'Guanacos roam.' };
      const document = await ingest(api, body);
      const { url } = await api.expect(200, 'GET', `/v1/documents/${document.id}/content`);
      const answer = await api.delete(`/v1/documents/${document.id}`);
      expect(answer.status).toBe(202);
      expect(answer.body.job).toMatchObject({ type: 'delete', document_id: document.id });
      expect(answer.headers.get('location')).toBe(`/v1/jobs/${answer.body.job.id}`);
      const search = await api.expect(200, 'POST', '/v1/search', { query: 'guanacos', mode: 'keyword' });
      expect(search.data).toEqual([]);
      const end = await endOfJob(api, answer.body.job.id);
      expect(end).toMatchObject({ status: 'succeeded', result: { documents: 1 }, why: 'Removed 1 document.' });
      expect((await api.get(`/v1/documents/${document.id}`)).status).toBe(404);
      expect((await api.delete(`/v1/documents/${document.id}`)).status).toBe(404);
      for (const table of ['document_versions', 'chunks', 'placements', 'embeddings', 'pending_embeddings']) {
        const { rows } = await admin.query(`SELECT count(*)::int AS n FROM dbrag.${table} WHERE document_id = $1`, [
          uuidOf(document.id),
        ]);
        expect([table, rows[0].n]).toEqual([table, 0]);
      }
      expect((await fetch(url.replace(/&versionId=[^&]*/i, ''))).status).not.toBe(200);
      const again = await ingest(api, body);
      expect(again).toMatchObject({ version: 1, status: 'ready' });
      expect(again.id).not.toBe(document.id);
    });

    it('answers a second deletion with the job of the first', async () => {
      const { api, collectionId } = home;
      const document = await ingest(api, { collection_id: collectionId, name: 'twice.txt', content: 'Vicuñas.' });
      const [one, other] = await Promise.all([
        api.delete(`/v1/documents/${document.id}`),
        api.delete(`/v1/documents/${document.id}`),
      ]);
      const accepted = [one, other].filter((answer) => answer.status === 202);
      expect(accepted.length).toBeGreaterThan(0);
      expect([one.status, other.status].every((status) => status === 202 || status === 404)).toBe(true);
      expect(new Set(accepted.map((answer) => answer.body.job.id)).size).toBe(1);
      await endOfJob(api, accepted[0]?.body.job.id);
    });

    it('goes with its collection', async () => {
      const { api } = home;
      const collection = await api.expect(201, 'POST', '/v1/collections', { name: 'short-lived' });
      for (const name of ['a', 'b', 'c'])
        await ingest(api, { collection_id: collection.id, name, content: `Camelid number ${name} quenches thirst.` });
      const counted = await api.expect(200, 'GET', `/v1/collections/${collection.id}`);
      expect(counted).toMatchObject({ documents: { ready: 3, queued: 0, failed: 0, awaiting_upload: 0 }, chunks: 3 });
      expect(counted.bytes).toBeGreaterThan(60);
      expect(counted.tokens).toBeGreaterThan(10);
      const { job } = await api.expect(202, 'DELETE', `/v1/collections/${collection.id}`);
      expect(job).toMatchObject({ type: 'delete', document_id: null });
      expect((await api.get(`/v1/collections/${collection.id}`)).status).toBe(404);
      const search = await api.expect(200, 'POST', '/v1/search', { query: 'quenches', mode: 'keyword' });
      expect(search.data).toEqual([]);
      const post = await api.post('/v1/documents', { collection_id: collection.id, name: 'd', content: 'late' });
      expect(post.status).toBe(404);
      const end = await endOfJob(api, job.id);
      expect(end).toMatchObject({ status: 'succeeded', result: { documents: 3 } });
      const left = await world().count('SELECT count(*) FROM dbrag.documents WHERE collection_id = $1', [
        uuidOf(collection.id),
      ]);
      expect(left).toBe(0);
      expect((await api.delete(`/v1/collections/${collection.id}`)).status).toBe(404);
    });

    it('that is being ingested is cancelled by its deletion', async () => {
      const { api, collectionId } = home;
      const { document, job } = await api.expect(202, 'POST', '/v1/documents', {
        collection_id: collectionId,
        name: 'hasty.txt',
        content: 'Deleted before it was ready. [[fault:slow:ms=1500]]',
      });
      await eventually(
        () => api.expect(200, 'GET', `/v1/jobs/${job.id}`),
        (current) => current.status === 'running',
      );
      const deletion = await api.expect(202, 'DELETE', `/v1/documents/${document.id}`);
      expect(await endOfJob(api, job.id)).toMatchObject({
        status: 'cancelled',
        error: { code: 'superseded', message: 'The document was deleted.' },
      });
      expect(await endOfJob(api, deletion.job.id)).toMatchObject({ status: 'succeeded' });
    });
  });
}
