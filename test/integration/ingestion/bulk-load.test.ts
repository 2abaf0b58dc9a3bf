import { afterAll, beforeAll, expect, it } from 'vitest';
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
  world = new IngestionWorld({ database: test.application, modelUrl: models.baseUrl });
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});
afterAll(async () => {
  await models.close();
  await test.close();
});

const paragraph = (topic: string): string => `Everything that is known about ${topic} stands here. `.repeat(30);
const textOf = (...topics: string[]): string =>
  topics.map((topic) => `## ${topic}\n\n${paragraph(topic)}\n\n`).join('');
async function one<Row>(sql: string, values: unknown[]): Promise<Row> {
  return (await test.admin.query(sql, values)).rows[0] as Row;
}
const faults = () => findDatabaseFaults(test.admin, { workspaceId });

it('a bulk load costs as few requests as the limits allow', async () => {
  const documents = 80;
  const topics = (n: number): string[] => Array.from({ length: 30 }, (_, i) => `subject ${n} part ${i}`);
  for (let n = 0; n < documents; n += 1)
    await world.post(workspaceId, collectionId, textOf(...topics(n)), { sourceUri: `${n}` });
  const started = performance.now();
  await world.drain();
  // Nothing waits for more than five seconds, so that a machine which is slow to split needs so many more.
  const overdue = Math.floor((performance.now() - started) / 5_000);
  const { chunks, bytes, tokens } = await one<{ chunks: number; bytes: number; tokens: number }>(
    'SELECT count(*)::int AS chunks, sum(octet_length(text))::int AS bytes, sum(token_count)::int AS tokens FROM dbrag.chunks WHERE workspace_id = $1',
    [workspaceId],
  );
  const minimum = Math.ceil(Math.max(bytes / 4 / 300_000, tokens / 300_000, chunks / 2_048));
  const { requests, inputs, refusals } = models.ledger.snapshot();
  expect(minimum).toBeGreaterThan(2);
  expect(requests.embeddings).toBeLessThanOrEqual(Math.max(minimum * 1.1, minimum + 1) + overdue);
  expect(inputs).toBe(chunks);
  expect(refusals).toEqual([]);
  const { ready } = await one<{ ready: number }>(
    `SELECT count(*)::int AS ready FROM dbrag.documents WHERE workspace_id = $1 AND status = 'ready'`,
    [workspaceId],
  );
  expect(ready).toBe(documents);
  expect(await faults()).toEqual([]);
}, 120_000);
