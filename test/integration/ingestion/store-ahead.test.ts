import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../shared/core/database.ts';
import { chunkLanguages } from '../../../shared/ingestion/chunk-languages.ts';
import { chunksPerTransaction } from '../../../shared/ingestion/store-ahead.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';
import { IngestionWorld } from './ingestion-world.ts';

let test: TestDatabase;
let workspaceId: string;
let collectionId: string;
/** Chunks that the transactions so far have stored, one number a transaction. */
let stored: number[];

beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.close());
beforeEach(async () => {
  stored = [];
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});

/** The application's database, which counts what each transaction writes. */
const counting = (): Database => ({
  inSystem: (work) => test.application.inSystem(work),
  inWorkspace: (scope, work) =>
    test.application.inWorkspace(scope, (db) => {
      const at = stored.push(0) - 1;
      return work({
        async query<Row>(text: string, values?: readonly unknown[]) {
          const result = await db.query<Row>(text, values);
          if (text.includes('INSERT INTO dbrag.chunks')) stored[at] = (stored[at] ?? 0) + result.count;
          return result;
        },
      });
    }),
});
const worldOf = (database: Database) => new IngestionWorld({ database, modelUrl: 'http://127.0.0.1:9' });
const sections = 3 * chunksPerTransaction + 10;
const large = Array.from(
  { length: sections },
  (_, i) => `## Part ${i}\n\n${`This is part ${i} of it. `.repeat(30)}`,
).join('\n\n');
const count = async (sql: string, documentId: string): Promise<number> =>
  Number((await test.admin.query<{ n: string }>(sql, [documentId])).rows[0]?.n);
const texts = 'SELECT count(*) AS n FROM dbrag.chunks WHERE document_id = $1';
const places = 'SELECT count(*) AS n FROM dbrag.placements WHERE document_id = $1';
const placed = `SELECT count(*) AS n FROM dbrag.placements p JOIN dbrag.chunks c USING (workspace_id, document_id, content_hash)
  JOIN dbrag.pending_embeddings b USING (workspace_id, document_id, content_hash)
  WHERE p.document_id = $1 AND b.token_count = c.token_count`;

it('every language that a chunk may have is one that the database indexes', async () => {
  const { rows } = await test.admin.query<{ language: string }>('SELECT cfgname AS language FROM pg_ts_config');
  expect(rows.map(({ language }) => language)).toEqual(expect.arrayContaining([...chunkLanguages]));
});

describe('a large document', () => {
  it('is stored by transactions that keep nobody out for long', async () => {
    const world = worldOf(counting());
    const { documentId } = await world.post(workspaceId, collectionId, large);
    expect(await world.ingest(world.queue.sent[0]?.nudge.body)).toBe('to_embed');
    expect(Math.max(...stored)).toBe(chunksPerTransaction);
    expect(stored.reduce((sum, chunks) => sum + chunks)).toBe(sections);
    expect(await count(placed, documentId)).toBe(sections);
  });

  it('gets back the texts that somebody removed before it was committed', async () => {
    const world = worldOf(test.application);
    const { documentId } = await world.post(workspaceId, collectionId, large);
    world.failpoint = {
      reach: async (name) => {
        if (name !== 'worker.before_commit') return;
        expect(await count(texts, documentId)).toBe(sections);
        expect(await count(places, documentId)).toBe(0);
        await test.admin.query(
          'DELETE FROM dbrag.chunks WHERE document_id = $1 AND get_byte(content_hash, 0) % 2 = 0',
          [documentId],
        );
      },
    };
    expect(await world.ingest(world.queue.sent[0]?.nudge.body)).toBe('to_embed');
    expect(await count(placed, documentId)).toBe(sections);
  });

  it('keeps no text of a worker that died while it stored, and cut in other places', async () => {
    const world = worldOf(test.application);
    const { documentId } = await world.post(workspaceId, collectionId, large);
    world.failpoint = {
      reach: async (name) => (name === 'worker.before_commit' ? Promise.reject(new Error('killed')) : undefined),
    };
    const message = world.queue.sent[0]?.nudge.body;
    await expect(world.ingest(message)).rejects.toThrow('killed');
    // As the splitter of another deploy would have cut.
    await test.admin.query(
      `UPDATE dbrag.chunks SET content_hash = sha256(content_hash) WHERE document_id = $1 AND get_byte(content_hash, 0) % 2 = 0`,
      [documentId],
    );
    world.failpoint = { reach: async () => {} };
    expect(await world.ingest(message)).toBe('to_embed');
    expect(await count(texts, documentId)).toBe(sections);
    expect(await count(placed, documentId)).toBe(sections);
  });

  it.each([
    ['is being deleted', `UPDATE dbrag.documents SET status = 'deleting' WHERE id = $1`],
    ['was tried again', 'UPDATE dbrag.document_versions SET attempt = 2 WHERE document_id = $1'],
  ])('is left alone once it %s', async (_, change) => {
    let transactions = 0;
    const database: Database = {
      inSystem: (work) => test.application.inSystem(work),
      async inWorkspace(scope, work) {
        // After the claim and the first slice.
        if (transactions === 2) await test.admin.query(change, [documentId]);
        transactions += 1;
        return test.application.inWorkspace(scope, work);
      },
    };
    const world = worldOf(test.application);
    const { documentId } = await world.post(workspaceId, collectionId, large);
    const late = worldOf(database);
    for (const [key, body] of world.objects.bodies) await late.objects.put(key, body);
    expect(await late.ingest(world.queue.sent[0]?.nudge.body)).toBe('fenced');
    expect(transactions).toBe(3);
    expect(await count(texts, documentId)).toBe(chunksPerTransaction);
    expect(await count(places, documentId)).toBe(0);
  });
});
