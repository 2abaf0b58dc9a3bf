import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WorkspaceSearch } from '../../shared/retrieval/workspace-search.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace, testModel } from '../support/database-content.ts';
import { seededRandom } from '../support/database-random.ts';

const dimensions = 32;
const random = seededRandom(11);

function vector(): Float32Array {
  const raw = Float32Array.from({ length: dimensions }, () => random() - 0.5);
  const length = Math.hypot(...raw);
  return raw.map((component) => component / length);
}

const wordy = (index: number) => `filler${index % 97} filler${index % 89} filler${index % 83} text number ${index}`;

describe('the short way, over tables that grow under its plan', () => {
  it('goes by the vector index, small or large, whoever shares the partition', async () => {
    const database = await createTestDatabase({ dimensions, partitions: 2 });
    const kept = openTestDatabase(database.applicationUrl, { preparedStatements: true, max: 1 });
    try {
      const chunks = (count: number) =>
        Array.from({ length: count }, () => ({ text: wordy(Math.floor(random() * 1e6)), vector: vector() }));
      const { id: workspaceId } = await createWorkspace(database.application);
      const collectionId = await createCollection(database.application, workspaceId);
      // Connections of their own, closed before anything is counted: idle ones tell what they did up to ten seconds late.
      const filling = async (fill: (database: TestDatabase['application']) => Promise<void>) => {
        const hands = openTestDatabase(database.applicationUrl, { max: 1 });
        await fill(hands);
        await hands.close();
      };
      const add = (hands: TestDatabase['application'], count: number) =>
        createDocument(hands, workspaceId, collectionId, { chunks: chunks(count) });
      await filling(async (hands) => void (await add(hands, 20)));
      for (const partition of ['00', '01'])
        await database.admin.query(
          `CREATE INDEX nearest_${partition} ON dbrag.embeddings_${partition} USING hnsw (embedding halfvec_cosine_ops) WHERE model = '${testModel}'`,
        );
      await database.admin.query('ANALYZE');
      await database.admin.query('UPDATE dbrag.corpus_statistics SET chunks = 30000');
      const searches = new WorkspaceSearch(kept);
      const ask = async (mode: 'semantic' | 'hybrid') => {
        const request = { workspaceId, mode, vector: vector(), model: testModel, text: 'filler1', limit: 10 };
        expect(await searches.search({ workspaceId }, request)).toHaveLength(10);
      };
      const counted = async () => {
        await kept.inWorkspace({ workspaceId }, (db) => db.query('SELECT pg_stat_force_next_flush()'));
        const found = await database.admin.query<{ scans: number; whole: number }>(
          `SELECT (SELECT sum(idx_scan) FROM pg_stat_all_indexes WHERE indexrelname LIKE 'nearest_%')::int AS scans,
             (SELECT sum(seq_scan) FROM pg_stat_all_tables WHERE relname ~ '^(embeddings|chunks|placements)_0|^documents$')::int AS whole`,
        );
        return found.rows[0] as { scans: number; whole: number };
      };
      const settled = async () => {
        for (let last = await counted(); ; ) {
          await setTimeout(500);
          const now = await counted();
          if (now.whole === last.whole) return now;
          last = now;
        }
      };
      // The first search learns how the workspace is searched.
      await ask('semantic');
      const before = await counted();
      for (const mode of ['semantic', 'hybrid'] as const) for (let n = 0; n < 2; n++) await ask(mode);
      await expect.poll(async () => (await counted()).scans - before.scans, { timeout: 5_000 }).toBe(4);
      await filling(async (hands) => {
        for (let tenant = 0; tenant < 20; tenant++) {
          const { id } = await createWorkspace(hands, `tenant ${tenant}`);
          const theirs = await createCollection(hands, id);
          await createDocument(hands, id, theirs, { chunks: chunks(20) });
        }
        for (let n = 0; n < 10; n++) await add(hands, 100);
      });
      const grown = await settled();
      for (const mode of ['semantic', 'hybrid'] as const) for (let n = 0; n < 2; n++) await ask(mode);
      await expect.poll(async () => (await counted()).scans - grown.scans, { timeout: 5_000 }).toBe(4);
      expect((await counted()).whole).toBe(grown.whole);
      // And planned anew, when everybody has grown.
      await database.admin.query('ANALYZE');
      const again = await counted();
      for (const mode of ['semantic', 'hybrid'] as const) await ask(mode);
      await expect.poll(async () => (await counted()).scans - again.scans, { timeout: 5_000 }).toBe(2);
    } finally {
      await kept.close();
      await database.close();
    }
  }, 240_000);
});
