import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Db } from '../../shared/core/database.ts';
import { type SearchRequest, search } from '../../shared/retrieval/search.ts';
import { searchStatement } from '../../shared/retrieval/search-statement.ts';
import { WorkspaceSearch } from '../../shared/retrieval/workspace-search.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace, testModel } from '../support/database-content.ts';
import { seededRandom } from '../support/database-random.ts';

const dimensions = 32;
const random = seededRandom(11);

/** A unit vector; `near` one at a small angle to another. */
function vector(near?: Float32Array): Float32Array {
  const raw = Float32Array.from({ length: dimensions }, (_, index) => (near?.[index] ?? 0) * 8 + random() - 0.5);
  const length = Math.hypot(...raw);
  return raw.map((component) => component / length);
}

const wordy = (index: number) => `filler${index % 97} filler${index % 89} filler${index % 83} text number ${index}`;

describe('search', () => {
  let database: TestDatabase;
  let workspaceId: string;
  let collectionId: string;
  let otherCollectionId: string;
  let foreignWorkspaceId: string;
  const question = vector();

  const foreignCollection = () => createCollection(database.application, foreignWorkspaceId, 'another');
  const run = (request: Partial<SearchRequest>, collectionIds: readonly string[] | null = null) =>
    database.application.inWorkspace({ workspaceId, collectionIds }, (db) =>
      search(db, {
        workspaceId,
        mode: 'hybrid',
        vector: question,
        model: testModel,
        text: 'zebra',
        limit: 10,
        ...request,
      }),
    );

  beforeAll(async () => {
    database = await createTestDatabase({ dimensions, partitions: 1 });
    ({ id: workspaceId } = await createWorkspace(database.application));
    ({ id: foreignWorkspaceId } = await createWorkspace(database.application, 'foreign'));
    collectionId = await createCollection(database.application, workspaceId);
    otherCollectionId = await createCollection(database.application, workspaceId, 'other');
    const foreign = await createCollection(database.application, foreignWorkspaceId);
    const add = (collection: string, document: Parameters<typeof createDocument>[3], workspace = workspaceId) =>
      createDocument(database.application, workspace, collection, document);
    await add(collectionId, {
      name: 'animals',
      sourceUri: 'https://example.com/animals',
      metadata: { year: 2024, kind: 'book', tags: ['a', 'b'] },
      createdAt: new Date('2024-05-01T00:00:00Z'),
      chunks: [
        { text: 'The zebra has stripes.', vector: vector(question) },
        { text: 'A horse has none.', vector: vector(question) },
        { text: 'The zebra has stripes.', vector: vector(question) },
      ],
    });
    await add(otherCollectionId, {
      name: 'zoo',
      metadata: { year: 2020, kind: 'paper', 'odd "key': 'x' },
      createdAt: new Date('2020-05-01T00:00:00Z'),
      chunks: [{ text: 'Zebras live in the zoo.', vector: vector(question) }],
    });
    await add(collectionId, {
      name: 'not ready',
      processing: true,
      chunks: [{ text: 'A zebra nobody sees yet.', vector: question }],
    });
    await add(foreign, { chunks: [{ text: 'A zebra of somebody else.', vector: question }] }, foreignWorkspaceId);
    for (let part = 0; part < 40; part++) {
      const chunks = Array.from({ length: 100 }, (_, index) => ({ text: wordy(part * 100 + index), vector: vector() }));
      const [collection, workspace] = part % 2 ? [foreign, foreignWorkspaceId] : [collectionId, workspaceId];
      await add(collection, { name: `part ${part}`, metadata: { part }, chunks }, workspace);
    }
    await database.admin.query('VACUUM ANALYZE');
  }, 60_000);

  afterAll(() => database?.close());

  it('fuses both legs and says where each hit came from', async () => {
    const hits = await run({});
    expect(hits).toHaveLength(10);
    expect(hits[0]).toMatchObject({
      documentName: 'animals',
      sourceUri: 'https://example.com/animals',
      text: 'The zebra has stripes.',
      version: 1,
      ordinal: 0,
      collectionId,
      location: { headings: [], start: 0, end: 1 },
      metadata: { year: 2024 },
    });
    const first = hits[0]?.scoring;
    expect(hits[0]?.score).toBeCloseTo(
      1 / (60 + (first?.semanticRank ?? 0)) + 1 / (60 + (first?.keywordRank ?? 0)),
      12,
    );
    expect(first?.semanticScore).toBeGreaterThan(0.8);
    expect(new Set(hits.map((hit) => hit.chunkId)).size).toBe(10);
    expect([...hits].sort((left, right) => right.score - left.score)).toEqual(hits);
  });

  it('gives a text that stands twice once, at its first place', async () => {
    const hits = await run({ mode: 'keyword', text: 'stripes' });
    expect(hits.map((hit) => [hit.text, hit.ordinal])).toEqual([['The zebra has stripes.', 0]]);
  });

  it('finds any word, in other forms too, and nothing for stop words alone', async () => {
    expect((await run({ mode: 'keyword', text: 'striped unheardof horses' })).map((hit) => hit.documentName)).toContain(
      'animals',
    );
    expect(await run({ mode: 'keyword', text: 'the of and' })).toEqual([]);
    expect(await run({ mode: 'keyword', text: "o'neill \\ ' & | ! :* <-> zebra" })).toHaveLength(2);
  });

  it('demands quoted phrases and leaves out what stands behind a minus, in both legs', async () => {
    const named = async (text: string, mode: 'hybrid' | 'keyword' = 'keyword') =>
      [...new Set((await run({ mode, text, limit: 100 })).map((hit) => hit.documentName))].sort();
    expect(await named('zebra')).toEqual(['animals', 'zoo']);
    expect(await named('zebra -zoo')).toEqual(['animals']);
    expect(await named('zebra -stripes')).toEqual(['zoo']);
    expect(await named('"has stripes" zebra')).toEqual(['animals']);
    expect(await named('"stripes zebra"')).toEqual([]);
    expect(await named('zebra -"live in the zoo"')).toEqual(['animals']);
    expect(await named('-zebra')).toEqual([]);
    expect(await named('zebra -zoo', 'hybrid')).not.toContain('zoo');
    expect(await named('"has stripes"', 'hybrid')).toEqual(['animals']);
  });

  it('gives chunks that have no weights yet the same score', async () => {
    const scored = async () =>
      (await run({ mode: 'keyword', text: 'zebra stripes' })).map((hit) => [hit.text, hit.score]);
    const before = await scored();
    await database.admin.query(`UPDATE dbrag.chunks SET terms = NULL WHERE text LIKE '%zoo.'`);
    expect(await scored()).toEqual(before);
    expect(before).toHaveLength(2);
  });

  it('stores chunks of more terms than a page holds', async () => {
    const text = Array.from({ length: 4_000 }, (_, index) => `lexeme${index}`).join(' ');
    await createDocument(database.application, foreignWorkspaceId, await foreignCollection(), { chunks: [{ text }] });
  });

  it('never sees a version that is not live, a deleting document, or another workspace', async () => {
    for (const mode of ['hybrid', 'semantic', 'keyword'] as const) {
      const texts = (await run({ mode, limit: 100 })).map((hit) => hit.text);
      expect(texts).not.toContain('A zebra nobody sees yet.');
      expect(texts).not.toContain('A zebra of somebody else.');
      expect(texts).toContain('Zebras live in the zoo.');
    }
    await database.admin.query(
      `UPDATE dbrag.documents SET status = 'deleting', deadline_at = now() WHERE name = 'zoo'`,
    );
    expect((await run({ limit: 100 })).map((hit) => hit.text)).not.toContain('Zebras live in the zoo.');
    await database.admin.query(`UPDATE dbrag.documents SET status = 'ready' WHERE name = 'zoo'`);
  });

  it('asked for another workspace in the statement, gives nothing: the transaction decides', async () => {
    const hits = await database.application.inWorkspace({ workspaceId }, (db) =>
      search(db, {
        workspaceId: foreignWorkspaceId,
        mode: 'hybrid',
        vector: question,
        model: testModel,
        text: 'zebra',
        limit: 10,
      }),
    );
    expect(hits).toEqual([]);
    const outside = await database.application.inSystem((db) =>
      search(db, { workspaceId, mode: 'hybrid', vector: question, model: testModel, text: 'zebra', limit: 10 }),
    );
    expect(outside).toEqual([]);
  });

  it('obeys the caller’s narrowing inside the candidate functions, not only in what is read', async () => {
    const hits = await run({ limit: 100 }, [otherCollectionId]);
    expect(hits.map((hit) => hit.documentName)).toEqual(['zoo']);
    expect(await run({ collectionIds: [collectionId] }, [otherCollectionId])).toEqual([]);
    expect(await run({}, [])).toEqual([]);
    const keys = await database.application.inWorkspace({ workspaceId, collectionIds: [otherCollectionId] }, (db) =>
      db.query(`SELECT * FROM dbrag.bm25_candidates('zebra', '{english}', NULL, 100, 100, $1, NULL, NULL)`, [
        [collectionId],
      ]),
    );
    expect(keys.rows).toEqual([]);
  });

  it('searches the collections that are asked for', async () => {
    expect((await run({ collectionIds: [otherCollectionId] })).map((hit) => hit.documentName)).toEqual(['zoo']);
  });

  it.each([
    [{ type: 'eq', key: 'kind', value: 'paper' }, ['zoo']],
    [{ type: 'eq', key: 'tags', value: 'b' }, ['animals']],
    [{ type: 'eq', key: 'odd "key', value: 'x' }, ['zoo']],
    [{ type: 'gt', key: 'year', value: 2020 }, ['animals']],
    [{ type: 'gte', key: 'year', value: 2020 }, ['animals', 'zoo']],
    [{ type: 'lt', key: 'year', value: 2024 }, ['zoo']],
    [{ type: 'lte', key: 'year', value: 2019 }, []],
    [{ type: 'ne', key: 'kind', value: 'book' }, ['zoo']],
    [{ type: 'ne', key: 'kind', value: 7 }, ['animals', 'zoo']],
    [{ type: 'ne', key: 'missing', value: 'x' }, ['animals', 'zoo']],
    [{ type: 'in', key: 'year', value: [2020, 1999] }, ['zoo']],
    [{ type: 'nin', key: 'year', value: [2020, 1999] }, ['animals']],
    [{ type: 'eq', key: 'name', value: 'zoo' }, ['zoo']],
    [{ type: 'eq', key: 'source_uri', value: 'https://example.com/animals' }, ['animals']],
    [{ type: 'gt', key: 'created_at', value: '2023-01-01T00:00:00Z' }, ['animals', 'zoo'].slice(0, 1)],
    [
      {
        type: 'or',
        filters: [
          { type: 'eq', key: 'kind', value: 'paper' },
          { type: 'eq', key: 'year', value: 2024 },
        ],
      },
      ['animals', 'zoo'],
    ],
    [
      {
        type: 'and',
        filters: [
          { type: 'eq', key: 'kind', value: 'paper' },
          { type: 'eq', key: 'year', value: 2024 },
        ],
      },
      [],
    ],
    [{ type: 'eq', key: 'kind', value: '" || 1 == 1 || "' }, []],
  ] as const)('filters by %j', async (filter, names) => {
    const hits = await run({ mode: 'keyword', text: 'zebra', limit: 100, filter });
    expect([...new Set(hits.map((hit) => hit.documentName))].sort()).toEqual(names);
    const near = await run({ mode: 'semantic', limit: 100, filter });
    for (const name of names) expect(near.map((hit) => hit.documentName)).toContain(name);
  });

  it('leaves the text out when it is not asked for', async () => {
    expect((await run({ includeText: false, limit: 1 }))[0]?.text).toBeNull();
  });

  it('searches by words alone while the question cannot be embedded', async () => {
    const hits = await run({ vector: null });
    expect(hits.map((hit) => hit.text).sort()).toEqual(['The zebra has stripes.', 'Zebras live in the zoo.']);
  });

  describe('with a vector index on a partition that tenants share', () => {
    beforeAll(async () => {
      await database.admin.query(
        `CREATE INDEX shared_index ON dbrag.embeddings_00 USING hnsw (embedding halfvec_cosine_ops) WHERE model = '${testModel}'`,
      );
      await database.admin.query(`UPDATE dbrag.corpus_statistics SET chunks = 30000 WHERE workspace_id = $1`, [
        workspaceId,
      ]);
    });

    const exact = async (asked: Float32Array, where = 'true') => {
      const { rows } = await database.admin.query<{ id: string }>(
        `SELECT c.id FROM dbrag.embeddings e JOIN dbrag.chunks c USING (workspace_id, document_id, content_hash)
         JOIN dbrag.documents d ON d.id = e.document_id
         WHERE e.workspace_id = $2 AND d.live_version IS NOT NULL AND ${where}
         ORDER BY (e.embedding <=> $1::halfvec) + 0 LIMIT 10`,
        [`[${asked.join(',')}]`, workspaceId],
      );
      return rows.map((row) => row.id);
    };

    it('uses it, and finds at least 0.95 of the exact ten', async () => {
      const used = async () =>
        (await database.admin.query(`SELECT pg_stat_get_numscans('dbrag.shared_index'::regclass) AS scans`)).rows[0]
          .scans;
      const before = Number(await used());
      let found = 0;
      for (let index = 0; index < 20; index++) {
        const asked = vector();
        const hits = await run({ mode: 'semantic', vector: asked });
        const wanted = new Set(await exact(asked));
        found += hits.filter((hit) => wanted.has(hit.chunkId)).length;
        expect(hits.map((hit) => hit.scoring.semanticScore)).toEqual(
          hits.map((hit) => hit.scoring.semanticScore).sort((left, right) => Number(right) - Number(left)),
        );
      }
      expect(found / 200).toBeGreaterThanOrEqual(0.95);
      await database.application.inWorkspace({ workspaceId }, (db) => db.query('SELECT pg_stat_force_next_flush()'));
      await expect.poll(async () => Number(await used()), { timeout: 5000 }).toBeGreaterThan(before);
    });

    it('gives all rows of a filter that leaves few, exactly', async () => {
      const hits = await run({ mode: 'semantic', filter: { type: 'eq', key: 'part', value: 6 } });
      expect(hits.map((hit) => hit.chunkId)).toEqual(await exact(question, `d.metadata @> '{"part": 6}'`));
      const few = await run({ mode: 'semantic', limit: 100, filter: { type: 'gte', key: 'year', value: 1 } });
      expect(few).toHaveLength(3);
    });

    it('gives the same by the short way, which it takes once it knows the workspace, and only for the usual question', async () => {
      const kept = openTestDatabase(database.applicationUrl, { preparedStatements: true });
      let asked = 0;
      const counted = ((...values: Parameters<NonNullable<typeof kept.ask>>) => {
        asked += 1;
        return kept.ask?.(...values);
      }) as typeof kept.ask;
      const counting = { ...kept, ask: counted } as typeof kept;
      const searches = new WorkspaceSearch(counting);
      const scope = { workspaceId, collectionIds: null };
      const ask = (request: Partial<SearchRequest>, narrowing: readonly string[] | null = null) =>
        searches.search(
          { workspaceId, collectionIds: narrowing },
          { ...scope, mode: 'hybrid', vector: question, model: testModel, text: 'zebra', limit: 10, ...request },
        );
      // A caller who sees one text learns nothing for the others: the first question of all texts does.
      expect(await ask({}, [otherCollectionId])).toHaveLength(1);
      for (const mode of ['semantic', 'hybrid'] as const)
        for (let index = 0; index < 8; index++) {
          const near = vector();
          const expected = await run({ mode, vector: near, text: 'zebra stripes' });
          const hits = await ask({ mode, vector: near, text: 'zebra stripes' });
          expect(hits.map((hit) => hit.chunkId).sort()).toEqual(expected.map((hit) => hit.chunkId).sort());
          expect(hits[0]).toEqual(expected[0]);
        }
      expect(asked).toBe(15);
      for (const request of [{ text: 'zebra stripes' }, { text: 'quantum', limit: 3 }, { text: 'nowhere' }])
        expect(await ask({ mode: 'keyword', ...request })).toEqual(await run({ mode: 'keyword', ...request }));
      expect(asked).toBe(18);
      await ask({ mode: 'keyword', text: '"zebra stripes"' });
      await ask({ filter: { type: 'eq', key: 'kind', value: 'book' } });
      await ask({ collectionIds: [otherCollectionId] });
      await ask({ text: 'zebra -zoo' });
      expect(await ask({}, [otherCollectionId])).toHaveLength(1);
      expect(asked).toBe(18);
      const foreign = await searches.search(
        { workspaceId: foreignWorkspaceId },
        { workspaceId, mode: 'semantic', vector: question, model: testModel, text: null, limit: 10 },
      );
      expect(foreign).toEqual([]);
      await kept.close();
    });

    it('gives `limit` rows although the nearest are not visible', async () => {
      const hidden = await createDocument(database.application, workspaceId, collectionId, {
        processing: true,
        chunks: Array.from({ length: 150 }, (_, index) => ({ text: `hidden ${index}`, vector: vector(question) })),
      });
      const hits = await run({ mode: 'semantic', limit: 10 });
      expect(hits).toHaveLength(10);
      expect(hits.map((hit) => hit.documentId)).not.toContain(hidden);
      const kept = openTestDatabase(database.applicationUrl, { preparedStatements: true });
      const searches = new WorkspaceSearch(kept);
      const request = {
        workspaceId,
        mode: 'semantic' as const,
        vector: question,
        model: testModel,
        text: null,
        limit: 10,
      };
      for (let index = 0; index < 2; index++) expect(await searches.search({ workspaceId }, request)).toEqual(hits);
      await kept.close();
    });
  });

  it('reads no table of the content from end to end, as dbrag_app', async () => {
    // What this transaction adds: its connection still holds what earlier ones counted and have not told, and others tell late.
    const counts = async (db: Db) => {
      const { rows } = await db.query<{ whole: number; gin: number }>(
        `SELECT (SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_xact_user_tables WHERE relname ~ '^(chunks|embeddings)_[0-9]')::int AS whole,
           (SELECT coalesce(sum(pg_stat_get_xact_numscans(oid)), 0) FROM pg_class WHERE relname ~ '^chunks_[0-9]+_search')::int AS gin`,
      );
      return rows[0] as { whole: number; gin: number };
    };
    const counted = (request: Partial<SearchRequest>) =>
      database.application.inWorkspace({ workspaceId }, async (db) => {
        const before = await counts(db);
        await search(db, {
          workspaceId,
          mode: 'hybrid',
          vector: vector(),
          model: testModel,
          text: 'zebra',
          limit: 10,
          ...request,
        });
        const after = await counts(db);
        return { whole: after.whole - before.whole, gin: after.gin - before.gin };
      });
    // An exact scan is right for a question near the 150 invisible neighbours, so one of a few questions is enough.
    for (const { request, byWords } of [
      { request: {}, byWords: 1 },
      // The documents of a filter that leaves few are read by their keys instead.
      { request: { filter: { type: 'eq', key: 'kind', value: 'book' } as const }, byWords: 0 },
    ]) {
      const answers = [];
      for (let question = 0; question < 5; question++) answers.push(await counted(request));
      expect(answers.map(({ gin }) => gin)).toEqual(answers.map(() => byWords));
      expect(Math.min(...answers.map(({ whole }) => whole))).toBe(0);
    }
    const values = [
      workspaceId,
      null,
      testModel,
      'zebra',
      ['english'],
      10,
      50,
      null,
      null,
      true,
      1,
      20_000,
      [],
      [],
      1,
      1,
    ];
    const plan = await database.application.inWorkspace({ workspaceId }, (db) =>
      db.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${searchStatement}`, values),
    );
    const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toContain('chunks_00_pkey');
    expect(text).not.toMatch(/Seq Scan on (chunks|embeddings|placements)/);
  });
});
