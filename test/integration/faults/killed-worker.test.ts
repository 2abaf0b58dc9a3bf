import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';
import { IngestionWorld } from '../ingestion/ingestion-world.ts';

let test: TestDatabase;
let models: FakeModelServer;
let world: IngestionWorld;
let workspaceId: string;
let collectionId: string;

beforeAll(async () => {
  test = await createTestDatabase();
  models = await startFakeModelServer();
  world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});
afterAll(async () => {
  await models.close();
  await test.close();
});

const minute = 60_000;

it('comes back for what a dead worker held when its message comes again before the lease ends', async () => {
  const { documentId } = await world.post(workspaceId, collectionId, '# Skagen\n\nThe lighthouse was lit in 1747.');
  const accepted = world.queue.take('ingest', 1);
  await world.ingest(accepted?.bodies[0]);
  const message = world.queue.take('embed', 10)?.bodies ?? [];
  expect(message).toHaveLength(1);
  world.failpoint = {
    async reach(name) {
      if (name === 'worker.after_embed_call') throw new Error('killed');
    },
  };
  await expect(world.embedWithin(message, () => minute)).rejects.toThrow('killed');
  world.failpoint = { reach: async () => {} };

  const before = world.queue.sent.length;
  expect(await world.embedWithin(message, () => minute, true)).toMatchObject({ embedded: 0 });
  const nudges = world.queue.sent.slice(before);
  expect(nudges).toMatchObject([
    { queue: 'embed-default', nudge: { body: { workspace_id: workspaceId, document_id: documentId } } },
  ]);
  const seconds = nudges[0]?.nudge.delaySeconds ?? 0;
  const { rows } = await test.admin.query<{ left: number }>(
    'SELECT max(extract(epoch FROM leased_until - now()))::float8 AS left FROM dbrag.pending_embeddings WHERE document_id = $1',
    [documentId],
  );
  // After the lease, and not long after it.
  expect(seconds).toBeGreaterThan(rows[0]?.left ?? Number.POSITIVE_INFINITY);
  expect(seconds).toBeLessThan((rows[0]?.left ?? 0) + 5);

  await test.admin.query(`UPDATE dbrag.pending_embeddings SET leased_until = now() WHERE document_id = $1`, [
    documentId,
  ]);
  expect(await world.embedWithin([nudges[0]?.nudge.body], () => minute)).toMatchObject({ ready: 1 });
});

it('sends nothing for a message that comes again when there is nothing left', async () => {
  const before = world.queue.sent.length;
  const { documentId } = await world.post(workspaceId, collectionId, 'Another text.', { nudge: false });
  const body = { v: 1, workspace_id: workspaceId, document_id: documentId, version: 1, priority: 'default' };
  expect(await world.embedWithin([body], () => minute, true)).toMatchObject({ embedded: 0 });
  expect(world.queue.sent.length).toBe(before);
});
