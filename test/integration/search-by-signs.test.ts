import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Db, Halfvec } from '../../shared/core/database.ts';
import { type SearchRequest, search } from '../../shared/retrieval/search.ts';
import { WorkspaceSearch } from '../../shared/retrieval/workspace-search.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace, testModel } from '../support/database-content.ts';
import { seededRandom } from '../support/database-random.ts';

const dimensions = 32;
const random = seededRandom(29);

function vector(): Float32Array {
  const raw = Float32Array.from({ length: dimensions }, () => random() - 0.5);
  const length = Math.hypot(...raw);
  return raw.map((component) => component / length);
}

describe('a partition whose index is on signs', () => {
  let database: TestDatabase;
  let kept: TestDatabase['application'];
  let workspaceId: string;
  beforeAll(async () => {
    database = await createTestDatabase({ dimensions, partitions: 1 });
    kept = openTestDatabase(database.applicationUrl, { preparedStatements: true, max: 1 });
    ({ id: workspaceId } = await createWorkspace(database.application));
    const collectionId = await createCollection(database.application, workspaceId);
    for (let document = 0; document < 10; document++)
      await createDocument(database.application, workspaceId, collectionId, {
        chunks: Array.from({ length: 100 }, (_, index) => ({
          text: `zebra${index % 7} text ${document} ${index}`,
          vector: vector(),
        })),
      });
    await database.admin.query(
      `CREATE INDEX signs ON dbrag.embeddings_00 USING hnsw ((binary_quantize(embedding)::bit(${dimensions})) bit_hamming_ops)
       WHERE model = '${testModel}'`,
    );
    await database.admin.query('ANALYZE');
    await database.admin.query('UPDATE dbrag.corpus_statistics SET chunks = 30000');
  }, 60_000);
  afterAll(async () => {
    await kept?.close();
    await database?.close();
  });

  const usual = (mode: 'semantic' | 'hybrid'): SearchRequest => ({
    workspaceId,
    mode,
    vector: vector(),
    model: testModel,
    text: mode === 'hybrid' ? 'zebra3' : null,
    limit: 10,
  });
  /** So few would be sorted faster. What may not be sorted looks so dear that each statement would be compiled for a second. */
  const byIndex = (db: Db) =>
    db.query(
      `SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)`,
    );
  const theLongWay = (request: SearchRequest) =>
    kept.inWorkspace({ workspaceId }, async (db) => {
      await byIndex(db);
      return search(db, request);
    });
  const scans = async () => {
    await kept.inWorkspace({ workspaceId }, (db) => db.query('SELECT pg_stat_force_next_flush()'));
    const { rows } = await database.admin.query(`SELECT pg_stat_get_numscans('dbrag.signs'::regclass)::int AS scans`);
    return rows[0].scans as number;
  };

  const lookAsFarAs = (efSearch: number) =>
    database.admin.query(
      `INSERT INTO dbrag.vector_indexes (partition, model, ef_search) VALUES ('embeddings_00', $1, $2)
       ON CONFLICT (partition, model) DO UPDATE SET ef_search = excluded.ef_search`,
      [testModel, efSearch],
    );

  it.each([100, 20])(
    'is searched by it the short way, which finds what the long way finds, however far: %i',
    async (efSearch) => {
      await lookAsFarAs(efSearch);
      let asked = 0;
      const ask: typeof kept.ask = (...parts) => {
        asked += 1;
        return (kept.ask as NonNullable<typeof kept.ask>)(...parts);
      };
      const searches = new WorkspaceSearch({ ...kept, ask });
      // The first one learns how the workspace is searched.
      await searches.search({ workspaceId }, usual('semantic'));
      for (const mode of ['semantic', 'hybrid'] as const) {
        asked = 0;
        const before = await scans();
        const requests = Array.from({ length: 8 }, () => usual(mode));
        const short = [];
        for (const request of requests) short.push(await searches.search({ workspaceId }, request));
        expect(asked).toBe(8);
        expect((await scans()) - before).toBe(8);
        const long = [];
        for (const request of requests) long.push(await theLongWay(request));
        expect(short).toEqual(long);
      }
    },
  );

  it('looks up whether a candidate is visible only until there are as many as are wanted', async () => {
    await lookAsFarAs(100);
    await database.application.inWorkspace({ workspaceId }, async (db) => {
      const lookUps = async () => {
        const { rows } = await db.query<{ scans: number }>(
          `SELECT pg_stat_get_xact_numscans('dbrag.placements_of_chunk'::regclass)::int AS scans`,
        );
        return rows[0]?.scans ?? 0;
      };
      await byIndex(db);
      const before = await lookUps();
      const found = await db.query('SELECT FROM dbrag.nearest_candidates($1, $2, NULL, 10, NULL, NULL, NULL, 20000)', [
        new Halfvec(vector()),
        testModel,
      ]);
      expect(found.count).toBe(10);
      expect((await lookUps()) - before).toBe(10);
    });
  });
});
