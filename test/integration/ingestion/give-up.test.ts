import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { giveUpEmbedding, giveUpIngestion } from '../../../shared/ingestion/give-up.ts';
import { nudgeWaitingPurchases } from '../../../shared/ingestion/waiting-purchases.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { IngestionWorld } from './ingestion-world.ts';

const failure = { code: 'retries_exhausted', message: 'It was tried five times.' };
const minute = 60_000;

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
  world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});

const post = (text: string, sourceUri?: string) =>
  world.post(workspaceId, collectionId, text, { nudge: false, sourceUri: sourceUri ?? null });
const ingest = (documentId: string, version = 1) =>
  world.ingest({ v: 1, workspace_id: workspaceId, document_id: documentId, version, attempt: 1 });
const messageOf = (documentId: string) => ({
  v: 1,
  workspace_id: workspaceId,
  document_id: documentId,
  priority: 'default',
});

async function versionsOf(documentId: string): Promise<string[]> {
  const { rows } = await test.admin.query<{ said: string }>(
    `SELECT version || ' ' || status || coalesce(' ' || (error->>'code'), '') AS said FROM dbrag.document_versions
     WHERE document_id = $1 ORDER BY version`,
    [documentId],
  );
  return rows.map((row) => row.said);
}

/** One receive; the leases of dead workers are over before the next. */
async function receive(documentIds: readonly string[], count: number): Promise<'done' | 'killed'> {
  try {
    await world.embedWithin(documentIds.map(messageOf), () => minute, count > 1, count >= 3);
    return 'done';
  } catch (error) {
    if ((error as Error).message !== 'killed') throw error;
    return 'killed';
  } finally {
    await test.admin.query('UPDATE dbrag.pending_embeddings SET leased_until = NULL');
  }
}

it('puts back nothing that another worker has taken meanwhile', async () => {
  const { documentId } = await post('Slow text.');
  await ingest(documentId);
  const taken = crypto.randomUUID();
  world.failpoint = {
    async reach(name) {
      // The lease of the first has ended, and a second worker holds the text, while the provider says to come again.
      if (name === 'worker.after_claim')
        await test.admin.query('UPDATE dbrag.pending_embeddings SET leased_by = $1', [taken]);
    },
  };
  models.faults.next('429', { 'retry-after': '120' }, 1);
  await world.embedWithin([messageOf(documentId)], () => minute);
  expect(world.postponed).toHaveLength(1);
  const { rows } = await test.admin.query(
    'SELECT leased_by, tries FROM dbrag.pending_embeddings WHERE document_id = $1',
    [documentId],
  );
  expect(rows).toEqual([{ leased_by: taken, tries: 1 }]);
  world.failpoint = { reach: async () => {} };
  await test.admin.query('UPDATE dbrag.pending_embeddings SET leased_until = NULL');
  expect(await receive([documentId], 1)).toBe('done');
  expect(await versionsOf(documentId)).toEqual(['1 ready']);
});

describe('a document whose parsing no worker survives', () => {
  it('ends when it was really begun, and not when nobody got as far', async () => {
    const { documentId } = await post('A text.');
    const attempt = { workspaceId, documentId, version: 1, attempt: 1 };
    expect(await giveUpIngestion(test.application, attempt, failure)).toBe('untried');
    expect(await versionsOf(documentId)).toEqual(['1 queued']);
    world.failpoint = {
      reach: async (name) => (name === 'worker.after_claim' ? Promise.reject(new Error('killed')) : undefined),
    };
    for (let n = 0; n < 5; n++) await expect(ingest(documentId)).rejects.toThrow('killed');
    expect(await giveUpIngestion(test.application, { ...attempt, attempt: 2 }, failure)).toBe('nothing');
    expect(await giveUpIngestion(test.application, attempt, failure)).toBe('ended');
    expect(await versionsOf(documentId)).toEqual(['1 failed retries_exhausted']);
    expect(await giveUpIngestion(test.application, attempt, failure)).toBe('nothing');
  });
});

describe('a document whose embedding no worker survives', () => {
  it('ends in whichever version it is, and takes no other with it', async () => {
    const poison = await post('The first text.', 'https://example.com/poison');
    await ingest(poison.documentId);
    await world.embed([messageOf(poison.documentId)]);
    expect(await versionsOf(poison.documentId)).toEqual(['1 ready']);
    await post('The poison text.', 'https://example.com/poison');
    const innocent = await Promise.all(['One.', 'Two.', 'Three.'].map((text) => post(text)));
    for (const { documentId } of innocent) await ingest(documentId);
    await ingest(poison.documentId, 2);

    const all = [poison, ...innocent].map(({ documentId }) => documentId);
    // The failpoint tells nothing of the texts: what the model was asked does.
    let bought = 0;
    world.failpoint = {
      async reach(name) {
        if (name === 'worker.after_embed_call' && models.ledger.purchases('The poison text.') > bought)
          throw new Error('killed');
      },
    };
    const outcomes: string[] = [];
    for (let count = 1; count <= 5; count++) {
      bought = models.ledger.purchases('The poison text.');
      outcomes.push(await receive(all, count));
    }
    expect(outcomes).toEqual(['killed', 'killed', 'killed', 'killed', 'killed']);
    for (const { documentId } of innocent) expect(await versionsOf(documentId)).toEqual(['1 ready']);
    // The dead letters of all four: only one of them has anything left to end.
    const ended = [];
    for (const documentId of all)
      ended.push(await giveUpEmbedding(test.application, { workspaceId, documentId }, failure));
    expect(ended).toEqual(['ended', 'nothing', 'nothing', 'nothing']);
    expect(await versionsOf(poison.documentId)).toEqual(['1 ready', '2 failed retries_exhausted']);
  });

  it('is bought for its own message only, and that is sent', async () => {
    const [poison, innocent] = [await post('Poison again.'), await post('Innocent again.')];
    await ingest(poison.documentId);
    await ingest(innocent.documentId);
    await test.admin.query('UPDATE dbrag.pending_embeddings SET tries = 3 WHERE document_id = $1', [poison.documentId]);
    const before = world.queue.sent.length;
    await world.embedWithin([messageOf(innocent.documentId)], () => minute);
    expect(await versionsOf(poison.documentId)).toEqual(['1 processing']);
    expect(await versionsOf(innocent.documentId)).toEqual(['1 ready']);
    expect(world.queue.sent.slice(before).map(({ nudge }) => nudge.body)).toMatchObject([
      { document_id: poison.documentId },
    ]);
    await world.embedWithin([messageOf(poison.documentId)], () => minute);
    expect(await versionsOf(poison.documentId)).toEqual(['1 ready']);
  });

  it('stays as it is where it is live already: what no worker survives is bought no more', async () => {
    const { documentId } = await post('Moving text.');
    await ingest(documentId);
    await world.embed([messageOf(documentId)]);
    await test.admin.query(
      `INSERT INTO dbrag.pending_embeddings (workspace_id, document_id, content_hash, model, collection_id, priority, tries, token_count)
       SELECT workspace_id, document_id, content_hash, 'another', collection_id, 'low', 4, token_count FROM dbrag.chunks WHERE document_id = $1`,
      [documentId],
    );
    const waiting = () => nudgeWaitingPurchases(test.application, world.queue);
    await test.admin.query(`UPDATE dbrag.pending_embeddings SET created_at = now() - interval '1 hour'`);
    expect(await waiting()).toBeGreaterThan(0);
    expect(await giveUpEmbedding(test.application, { workspaceId, documentId }, failure)).toBe('ended');
    expect(await waiting()).toBe(0);
    expect(await versionsOf(documentId)).toEqual(['1 ready']);
    // A version that places the text anew wants it again, and so does whoever asks for the collection's move.
    expect(await giveUpEmbedding(test.application, { workspaceId, documentId }, failure)).toBe('nothing');
  });

  it('is not given up when no worker got as far, nor for having waited for the provider', async () => {
    const { documentId } = await post('Patient text.');
    await ingest(documentId);
    for (let n = 0; n < 5; n++) {
      models.faults.next('429', { 'retry-after': '120' }, 1);
      await receive([documentId], 1);
    }
    expect(await giveUpEmbedding(test.application, { workspaceId, documentId }, failure)).toBe('untried');
    expect(await versionsOf(documentId)).toEqual(['1 processing']);
    // A sender of before the last deploy said a version.
    await world.embedWithin([{ ...messageOf(documentId), version: 1 }], () => minute);
    expect(await versionsOf(documentId)).toEqual(['1 ready']);
  });
});
