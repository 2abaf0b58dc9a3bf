import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nudgeEmbedding } from '../../../shared/ingestion/embed-chunks.message.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { findDatabaseFaults } from '../../support/invariants.ts';
import { IngestionWorld } from './ingestion-world.ts';

let test: TestDatabase;
let models: FakeModelServer;
let world: IngestionWorld;
let workspaceId: string;
let collectionId: string;

beforeAll(async () => {
  test = await createTestDatabase();
  models = await startFakeModelServer();
});
afterAll(async () => {
  await models.close();
  await test.close();
});
beforeEach(async () => {
  models.ledger.reset();
  models.faults.clear();
  world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});

const paragraph = (topic: string): string => `Everything that is known about ${topic} stands here. `.repeat(30);
const textOf = (...topics: string[]): string =>
  topics.map((topic) => `## ${topic}\n\n${paragraph(topic)}\n\n`).join('');

async function one<Row>(sql: string, values: unknown[]): Promise<Row> {
  return (await test.admin.query(sql, values)).rows[0] as Row;
}

const documentOf = (id: string) =>
  one<{ status: string; live_version: number | null; error: { code: string } | null }>(
    'SELECT status, live_version, error FROM dbrag.documents WHERE id = $1',
    [id],
  );
const versionOf = (id: string, version = 1) =>
  one<{
    status: string;
    chunks: number;
    embedded: number;
    reused: number;
    tokens: string;
    error: { code: string } | null;
    waiting_until: Date | null;
  }>(
    'SELECT status, chunks, embedded, reused, tokens, error, waiting_until FROM dbrag.document_versions WHERE document_id = $1 AND version = $2',
    [id, version],
  );
const jobOf = (id: string, version = 1) =>
  one<{ status: string; attempts: number; finished_at: Date | null }>(
    'SELECT status, attempts, finished_at FROM dbrag.jobs WHERE document_id = $1 AND version = $2',
    [id, version],
  );
const countOf = async (table: string, id: string): Promise<number> =>
  (await one<{ n: number }>(`SELECT count(*)::int AS n FROM dbrag.${table} WHERE document_id = $1`, [id])).n;

const faults = () => findDatabaseFaults(test.admin, { workspaceId });

describe('a document', () => {
  it('becomes ready with its chunks, vectors, counts, usage and statistics', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers', 'lakes', 'seas'));
    await world.drain();
    expect(await documentOf(documentId)).toMatchObject({ status: 'ready', live_version: 1, error: null });
    expect(await versionOf(documentId)).toMatchObject({ status: 'ready', chunks: 3, embedded: 3, reused: 0 });
    expect(await jobOf(documentId)).toMatchObject({ status: 'succeeded', attempts: 1 });
    expect(await countOf('pending_embeddings', documentId)).toBe(0);
    const usage = await one<{ tokens: string; cost: string }>(
      'SELECT sum(embedding_tokens) AS tokens, sum(cost_usd) AS cost FROM dbrag.usage_events WHERE document_id = $1',
      [documentId],
    );
    expect(usage.tokens).toBe((await versionOf(documentId)).tokens);
    expect(Number(usage.cost)).toBeCloseTo((Number(usage.tokens) * 0.02) / 1e6, 12);
    const statistics = await one<{ chunks: number; tokens: number; largest: number }>(
      'SELECT sum(chunks)::int AS chunks, sum(tokens)::int AS tokens, (SELECT max(c) FROM dbrag.statistics_pending p, unnest(p.counts) c WHERE p.workspace_id = $1) AS largest FROM dbrag.statistics_pending WHERE workspace_id = $1',
      [workspaceId],
    );
    expect(statistics).toMatchObject({ chunks: 3, largest: 3 });
    expect(await faults()).toEqual([]);
  });

  it('stores the vector that the model gave for each text', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers', 'lakes', 'seas'));
    await world.drain();
    const { rows } = await test.admin.query<{ text: string; embedding: string }>(
      'SELECT c.text, e.embedding::text FROM dbrag.chunks c JOIN dbrag.embeddings e USING (document_id, content_hash) WHERE document_id = $1',
      [documentId],
    );
    expect(rows).toHaveLength(3);
    for (const { text, embedding } of rows) {
      const expected = models.vectors.vector(text, 1_536);
      const stored = JSON.parse(embedding) as number[];
      for (let i = 0; i < 1_536; i += 100) expect(stored[i]).toBeCloseTo(expected[i] as number, 3);
    }
  });

  it('does not wait when it comes alone', async () => {
    const started = performance.now();
    const { documentId } = await world.post(workspaceId, collectionId, textOf('one'));
    await world.drain({ ingest: 1, embed: 1 });
    expect((await documentOf(documentId)).status).toBe('ready');
    expect(world.queue.sent.filter(({ nudge }) => nudge.delaySeconds)).toEqual([]);
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('posted again unchanged costs nothing, changed costs only what is new', async () => {
    const post = (text: string) => world.post(workspaceId, collectionId, text, { sourceUri: 'https://example.com/a' });
    const { documentId } = await post(textOf('rivers', 'lakes', 'seas'));
    await world.drain();
    await post(textOf('rivers', 'lakes', 'seas'));
    await world.drain();
    expect(models.ledger.snapshot().inputs).toBe(3);
    expect(await versionOf(documentId, 2)).toMatchObject({ status: 'ready', chunks: 3, embedded: 0, reused: 3 });
    await post(textOf('rivers', 'ponds', 'seas'));
    await world.drain();
    expect(models.ledger.snapshot().inputs).toBe(4);
    expect(await versionOf(documentId, 3)).toMatchObject({ status: 'ready', chunks: 3, embedded: 1, reused: 2 });
    expect(await documentOf(documentId)).toMatchObject({ live_version: 3 });
    const left = await one<{ chunks: number }>(
      'SELECT sum(chunks)::int AS chunks FROM dbrag.statistics_pending WHERE workspace_id = $1',
      [workspaceId],
    );
    expect(left.chunks).toBe(3);
    expect(await faults()).toEqual([]);
  });

  it('that repeats itself buys a text once and places it twice', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers', 'rivers'));
    await world.drain();
    expect(await versionOf(documentId)).toMatchObject({ status: 'ready', chunks: 2, embedded: 1 });
    expect(models.ledger.snapshot().inputs).toBe(1);
  });

  it.each([
    ['is empty', '', 'empty_file'],
    ['holds only whitespace', ' \n ', 'no_text_found'],
    ['is binary', Buffer.from('%PDF-1.7 x'), 'unsupported_media_type'],
  ])('that %s fails with its reason, its neighbour does not', async (_, body, code) => {
    const bad = await world.post(workspaceId, collectionId, body);
    const good = await world.post(workspaceId, collectionId, textOf('rivers'));
    await world.drain();
    expect(await documentOf(bad.documentId)).toMatchObject({ status: 'failed', live_version: null, error: { code } });
    expect(await versionOf(bad.documentId)).toMatchObject({ status: 'failed', error: { code } });
    expect(await jobOf(bad.documentId)).toMatchObject({ status: 'failed' });
    expect((await documentOf(good.documentId)).status).toBe('ready');
  });

  it('whose object is gone fails object_missing; the version before stays live', async () => {
    const post = () => world.post(workspaceId, collectionId, textOf('rivers'), { sourceUri: 'x' });
    const { documentId } = await post();
    await world.drain();
    await post();
    world.objects.bodies.clear();
    await world.drain();
    expect(await documentOf(documentId)).toMatchObject({
      status: 'ready',
      live_version: 1,
      error: { code: 'object_missing' },
    });
    expect((await versionOf(documentId, 2)).status).toBe('failed');
  });
});

describe('messages', () => {
  it('may come many times, at once and afterwards: nothing is doubled', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers', 'lakes'));
    const body = world.queue.sent[0]?.nudge.body;
    await Promise.all([world.ingest(body), world.ingest(body), world.ingest(body)]);
    const embedBody = world.queue.sent.find(({ queue }) => queue.startsWith('embed'))?.nudge.body;
    await Promise.all([world.embed([embedBody]), world.embed([embedBody, embedBody])]);
    await world.drain();
    await world.ingest(body);
    await world.embed([embedBody]);
    expect(await versionOf(documentId)).toMatchObject({ status: 'ready', chunks: 2, embedded: 2 });
    expect(models.ledger.snapshot().inputs).toBe(2);
    expect(await faults()).toEqual([]);
  });

  it('of another attempt, an overtaken version or a deleted document do nothing', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers'), {
      sourceUri: 'x',
      nudge: false,
    });
    const message = { v: 1, workspace_id: workspaceId, document_id: documentId, version: 1, attempt: 2 };
    expect(await world.ingest(message)).toBe('nothing_to_do');
    await world.post(workspaceId, collectionId, textOf('lakes'), { sourceUri: 'x', nudge: false });
    expect(await world.ingest({ ...message, attempt: 1 })).toBe('nothing_to_do');
    await test.admin.query(`UPDATE dbrag.documents SET status = 'deleting' WHERE id = $1`, [documentId]);
    expect(await world.ingest({ ...message, version: 2, attempt: 1 })).toBe('nothing_to_do');
    expect(await countOf('placements', documentId)).toBe(0);
  });

  it('a worker that was overtaken while it read commits nothing', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers'), { nudge: false });
    world.failpoint = {
      reach: async (name) => {
        if (name === 'worker.before_commit')
          await test.admin.query('UPDATE dbrag.document_versions SET attempt = 2 WHERE document_id = $1', [documentId]);
      },
    };
    const message = { v: 1, workspace_id: workspaceId, document_id: documentId, version: 1, attempt: 1 };
    expect(await world.ingest(message)).toBe('fenced');
    expect(await countOf('chunks', documentId)).toBe(0);
  });

  it('a document deleted while its vectors were bought stays invisible', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers'));
    world.failpoint = {
      reach: async (name) => {
        if (name === 'worker.after_embed_call')
          await test.admin.query(`UPDATE dbrag.documents SET status = 'deleting' WHERE id = $1`, [documentId]);
      },
    };
    await world.drain();
    expect(await documentOf(documentId)).toMatchObject({ status: 'deleting', live_version: null });
    expect(await countOf('embeddings', documentId)).toBe(0);
  });

  it('of a workspace that is being erased buy nothing, and nobody comes back for what its erasure left without a text', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers', 'lakes'));
    await world.ingest(world.queue.sent[0]?.nudge.body);
    const body = world.queue.sent[1]?.nudge.body;
    await test.admin.query(`UPDATE dbrag.workspaces SET status = 'deleting' WHERE id = $1`, [workspaceId]);
    const { requests } = models.ledger.snapshot();
    const sent = world.queue.sent.length;
    await world.embed([body]);
    for (const table of ['placements', 'chunks'])
      await test.admin.query(`DELETE FROM dbrag.${table} WHERE document_id = $1`, [documentId]);
    await world.embed([body]);
    expect(world.queue.sent).toHaveLength(sent);
    expect(await countOf('pending_embeddings', documentId)).toBe(2);
    expect(models.ledger.snapshot().requests).toEqual(requests);
  });

  it('a crash between the purchase and the commit is made good by the next worker', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers'));
    await world.ingest(world.queue.sent[0]?.nudge.body);
    const body = world.queue.sent[1]?.nudge.body;
    world.failpoint = {
      reach: async (name) => (name === 'worker.before_commit' ? Promise.reject(new Error('killed')) : undefined),
    };
    await expect(world.embed([body])).rejects.toThrow('killed');
    world.failpoint = { reach: async () => {} };
    await world.embed([body]);
    expect((await documentOf(documentId)).status).not.toBe('ready');
    await test.admin.query(
      `UPDATE dbrag.pending_embeddings SET leased_until = now() - interval '1 second' WHERE document_id = $1`,
      [documentId],
    );
    await world.embed([body]);
    expect((await documentOf(documentId)).status).toBe('ready');
    expect(await faults()).toEqual([]);
  });
});

describe.each([
  'worker.after_receive',
  'worker.after_claim',
  'worker.after_download',
  'worker.after_parse',
  'worker.before_commit',
  'worker.after_embed_call',
  'worker.after_commit_before_ack',
])('a crash at %s', (place) => {
  it('of every second worker loses nothing and doubles nothing', async () => {
    let passed = 0;
    world.failpoint = {
      reach: async (name) => {
        if (name === place && passed++ % 2 === 0) throw new Error('killed');
      },
    };
    const posted = await Promise.all(
      Array.from({ length: 6 }, (_, i) => world.post(workspaceId, collectionId, textOf(`a ${i}`, `b ${i}`))),
    );
    await world.drain(undefined, async () => {
      await test.admin.query(`UPDATE dbrag.pending_embeddings SET leased_until = now() - interval '1 second'`);
    });
    // The sweeper's part: what three workers died with is taken for a message of its own only, which another may have used up.
    world.failpoint = { reach: async () => {} };
    for (const { documentId } of posted) await nudgeEmbedding(world.queue, 'default', { workspaceId, documentId });
    await world.drain();
    for (const { documentId } of posted)
      expect(await versionOf(documentId)).toMatchObject({ status: 'ready', chunks: 2, embedded: 2, reused: 0 });
    expect(passed).toBeGreaterThan(1);
    expect(await faults()).toEqual([]);
  });
});

describe('the provider', () => {
  it('refuses one text: its document fails, the neighbours in the request do not', async () => {
    const good = await world.post(workspaceId, collectionId, textOf('rivers', 'lakes'), { nudge: false });
    const bad = await world.post(
      workspaceId,
      collectionId,
      `${textOf('seas')}## Poison\n\n[[fault:context-length]] ${paragraph('poison')}`,
      { nudge: false },
    );
    for (const { documentId } of [good, bad])
      await world.ingest({ v: 1, workspace_id: workspaceId, document_id: documentId, version: 1, attempt: 1 });
    await world.drain();
    expect((await documentOf(good.documentId)).status).toBe('ready');
    expect(await documentOf(bad.documentId)).toMatchObject({ status: 'failed', error: { code: 'bad_embedding' } });
    expect(await countOf('pending_embeddings', bad.documentId)).toBe(0);
    expect(await faults()).toEqual([]);
  });

  it('asks for two minutes: the rows wait, a delayed nudge takes over, nothing has failed', async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers'));
    models.faults.next('429', { 'retry-after': '120' }, 1);
    await world.ingest(world.queue.sent[0]?.nudge.body);
    await world.embed([world.queue.sent[1]?.nudge.body]);
    const version = await versionOf(documentId);
    expect(version.status).toBe('processing');
    const waits = ((version.waiting_until as Date).getTime() - Date.now()) / 1_000;
    expect(waits).toBeGreaterThan(100);
    expect(waits).toBeLessThan(125);
    const nudge = world.queue.sent.at(-1);
    expect(nudge?.queue).toBe('embed-default');
    // After the wait, which is drawn out a little.
    expect([121, 122]).toContain(nudge?.nudge.delaySeconds);
    expect(world.postponed).toHaveLength(1);
    await test.admin.query(
      `UPDATE dbrag.pending_embeddings SET leased_until = now() - interval '1 second' WHERE document_id = $1`,
      [documentId],
    );
    await world.embed([world.queue.sent.at(-1)?.nudge.body]);
    expect(await versionOf(documentId)).toMatchObject({ status: 'ready', waiting_until: null });
  });

  it('fails for a moment, or gives rubbish once: it is asked again', async () => {
    for (const kind of ['500', 'shuffled', 'missing-one'] as const) {
      models.faults.next(kind, {}, 1);
      const { documentId } = await world.post(workspaceId, collectionId, textOf(kind, `${kind} two`, `${kind} three`));
      await world.drain();
      expect((await documentOf(documentId)).status).toBe('ready');
    }
    expect(await faults()).toEqual([]);
  });
});

it('an invocation whose time is up hands over to the next, and one of five seconds gets its work done', async () => {
  const ingested = async () => {
    const { documentId } = await world.post(workspaceId, collectionId, textOf('rivers'), { nudge: false });
    await world.ingest({ v: 1, workspace_id: workspaceId, document_id: documentId, version: 1, attempt: 1 });
    return documentId;
  };
  const documentId = await ingested();
  const body = world.queue.sent.at(-1)?.nudge.body;
  const times = [8_000, 8_000, 1_000];
  const summary = await world.embedWithin([body], () => times.shift() ?? 1_000);
  expect(summary).toEqual({ embedded: 0, ready: 0, retired: 0, refused: 0, postponed: 0 });
  expect(world.queue.sent.at(-1)?.nudge.body).toMatchObject({ document_id: documentId });
  expect(models.ledger.snapshot().inputs).toBe(0);
  const ends = Date.now() + 5_000;
  expect(await world.embedWithin([body], () => ends - Date.now())).toMatchObject({ embedded: 1, ready: 1 });
});

it('a workspace does not wait for another in the same batch of messages', async () => {
  const other = (await createWorkspace(test.application)).id;
  const posted = [
    await world.post(workspaceId, collectionId, textOf('rivers')),
    await world.post(other, await createCollection(test.application, other), textOf('lakes')),
  ];
  for (const { queue, nudge } of [...world.queue.sent]) if (queue.startsWith('ingest')) await world.ingest(nudge.body);
  const bodies = world.queue.sent.filter(({ queue }) => queue.startsWith('embed')).map(({ nudge }) => nudge.body);
  const ready = async () =>
    (await Promise.all(posted.map((one) => documentOf(one.documentId)))).filter((one) => one.live_version);
  let first = true;
  world.failpoint = {
    async reach(name) {
      if (name !== 'worker.after_embed_call' || !first) return;
      first = false;
      // The model takes its time for one of them, until the other is ready.
      for (let waits = 0; (await ready()).length === 0; waits += 1) {
        if (waits > 500) throw new Error('the other waited');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
  expect(await world.embed(bodies)).toMatchObject({ embedded: 2, ready: 2 });
}, 30_000);
