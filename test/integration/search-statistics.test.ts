import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '../../shared/core/database.ts';
import { detectLanguage } from '../../shared/ingestion/detect-language.ts';
import { leaveRemovedStatistics } from '../../shared/ingestion/leave-removed-statistics.ts';
import { leaveStatisticsDifference } from '../../shared/ingestion/leave-statistics.ts';
import { storeChunks, storeTexts } from '../../shared/ingestion/store-chunks.ts';
import { foldStatistics } from '../../shared/retrieval/fold-statistics.ts';
import { recountStatistics } from '../../shared/retrieval/recount-statistics.ts';
import { weighTerms } from '../../shared/retrieval/weigh-terms.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { createCollection, createDocument, createWorkspace, sha256 } from '../support/database-content.ts';
import { seededRandom } from '../support/database-random.ts';

/** `npm run test:retrieval` takes 1,000. */
const steps = Number(process.env.STATISTICS_STEPS ?? 150);

describe('statistics of search', () => {
  let database: TestDatabase;
  let workspaceId: string;
  beforeAll(async () => {
    database = await createTestDatabase();
  }, 60_000);
  beforeEach(async () => {
    ({ id: workspaceId } = await createWorkspace(database.application));
  });
  afterAll(() => database?.close());

  const inWorkspace = <T>(work: (db: Db) => Promise<T>) => database.application.inWorkspace({ workspaceId }, work);
  const leave = (chunks: number, tokens: number, terms: Record<number, number>) =>
    inWorkspace((db) =>
      db.query(
        'INSERT INTO dbrag.statistics_pending (workspace_id, chunks, tokens, terms, counts) VALUES ($1, $2, $3, $4, $5)',
        [workspaceId, chunks, tokens, Object.keys(terms).map(Number), Object.values(terms)],
      ),
    );
  const known = () =>
    inWorkspace(async (db) => ({
      corpus: (await db.query('SELECT chunks, tokens FROM dbrag.corpus_statistics')).rows[0],
      terms: (await db.query('SELECT term, chunks FROM dbrag.term_statistics ORDER BY term')).rows,
      pending: (await db.query('SELECT FROM dbrag.statistics_pending')).count,
    }));

  it('are the sum of the differences, negative ones too', async () => {
    await leave(3, 30, { 7: 2, 9: 3 });
    await leave(-1, -10, { 9: -1, 11: 1 });
    await leave(0, 0, { 11: -1 });
    expect(await inWorkspace((db) => foldStatistics(db, workspaceId))).toEqual({ folded: 3, more: false });
    expect(await known()).toEqual({
      corpus: { chunks: 2, tokens: 20 },
      terms: [
        { term: 7, chunks: 2 },
        { term: 9, chunks: 2 },
      ],
      pending: 0,
    });
  });

  it('are folded at most once in the interval, and nothing is lost by waiting', async () => {
    await leave(1, 5, { 7: 1 });
    await inWorkspace((db) => foldStatistics(db, workspaceId));
    await leave(1, 5, { 7: 1 });
    expect(await inWorkspace((db) => foldStatistics(db, workspaceId))).toEqual({ folded: 0, more: false });
    expect((await known()).pending).toBe(1);
    expect(await inWorkspace((db) => foldStatistics(db, workspaceId, 0))).toEqual({ folded: 1, more: false });
    expect(await known()).toMatchObject({ corpus: { chunks: 2 }, terms: [{ term: 7, chunks: 2 }], pending: 0 });
  });

  it('count once when many fold while many leave', async () => {
    const adapters = Array.from({ length: 3 }, () => openTestDatabase(database.applicationUrl));
    const folding = adapters.map(async (adapter) => {
      for (let round = 0; round < 15; round++) {
        await adapter.inWorkspace({ workspaceId }, (db) => foldStatistics(db, workspaceId, 0));
      }
    });
    for (let index = 0; index < 30; index++) await leave(1, 2, { 1: 1, 2: 1 });
    await Promise.all(folding);
    await inWorkspace((db) => foldStatistics(db, workspaceId, 0));
    await Promise.all(adapters.map((adapter) => adapter.close()));
    expect(await known()).toEqual({
      corpus: { chunks: 30, tokens: 60 },
      terms: [
        { term: 1, chunks: 30 },
        { term: 2, chunks: 30 },
      ],
      pending: 0,
    });
  });

  it('leaves another workspace alone', async () => {
    await leave(1, 2, { 1: 1 });
    const { id: other } = await createWorkspace(database.application);
    await database.application.inWorkspace({ workspaceId: other }, (db) => foldStatistics(db, workspaceId, 0));
    expect((await known()).pending).toBe(1);
  });

  /** Counted by another way than the statistics are. */
  const counted = async () => {
    const live = `SELECT DISTINCT c.document_id, c.content_hash, c.search, c.language FROM dbrag.chunks c
      JOIN dbrag.documents d ON d.id = c.document_id
      JOIN dbrag.placements p ON p.document_id = d.id AND p.content_hash = c.content_hash AND p.version = d.live_version`;
    return inWorkspace(async (db) => ({
      corpus: (
        await db.query(`SELECT count(*) AS chunks, coalesce(sum(length), 0)::bigint AS tokens FROM (${live}) AS live,
          LATERAL (SELECT sum(cardinality(positions)) AS length FROM unnest(search)) AS of_chunk`)
      ).rows[0],
      terms: (
        await db.query(`SELECT dbrag.term_of(lexeme) AS term, count(*) AS chunks FROM (${live}) AS live, unnest(search)
          GROUP BY 1 ORDER BY 1`)
      ).rows,
      pending: 0,
    }));
  };

  it('are exact after many random inserts, updates and deletes, folded at random moments', async () => {
    const collectionId = await createCollection(database.application, workspaceId);
    const random = seededRandom(3);
    const live = new Map<string, number>();
    const text = () =>
      Array.from({ length: 1 + Math.floor(random() * 12) }, () => `word${Math.floor(40 * random() ** 2)}`).join(' ');
    const textsOf = () => Array.from({ length: 1 + Math.floor(random() * 4) }, text);
    const insert = async () => {
      const documentId = await createDocument(database.application, workspaceId, collectionId, {
        processing: true,
        chunks: [],
      });
      await swap(documentId, 1);
    };
    const swap = (documentId: string, version: number) =>
      inWorkspace(async (db) => {
        if (version > 1)
          await db.query(
            `INSERT INTO dbrag.document_versions (workspace_id, document_id, version, collection_id, status, s3_key)
             VALUES ($1, $2, $3, $4, 'ready', 'x')`,
            [workspaceId, documentId, version, collectionId],
          );
        const chunks = textsOf().map((each, ordinal) => ({
          ordinal,
          text: each,
          contentHash: sha256(each),
          tokenCount: 1,
          location: { headings: [], start: 0, end: 1 },
          language: detectLanguage(each),
        }));
        const owner = { workspaceId, collectionId, documentId, version };
        await storeChunks(
          db,
          workspaceId,
          chunks.map((chunk) => ({ owner, chunk, mayBeKnown: true })),
        );
        // Every other one as if it were large, in slices.
        await leaveStatisticsDifference(db, workspaceId, [{ documentId, version }], version % 2 === 0 ? 35_000 : 1);
        await db.query('UPDATE dbrag.documents SET live_version = $2, version = $2 WHERE id = $1', [
          documentId,
          version,
        ]);
        live.set(documentId, version);
      });
    const remove = (documentId: string) =>
      inWorkspace(async (db) => {
        await db.query(`UPDATE dbrag.documents SET status = 'deleting', deadline_at = now() WHERE id = $1`, [
          documentId,
        ]);
        await leaveRemovedStatistics(db, workspaceId, documentId);
        live.delete(documentId);
      });
    for (let step = 0; step < steps; step++) {
      const [documentId, version] = [...live][Math.floor(random() * live.size)] ?? [];
      const drawn = random();
      if (documentId === undefined || drawn < 0.35) await insert();
      else if (drawn < 0.75) await swap(documentId, (version ?? 0) + 1);
      else await remove(documentId);
      if (random() < 0.05) await inWorkspace((db) => foldStatistics(db, workspaceId, 0));
    }
    await inWorkspace((db) => foldStatistics(db, workspaceId, 0));
    const summed = await known();
    expect(summed.terms.length).toBeGreaterThan(20);
    const exact = await counted();
    expect({ ...summed, terms: summed.terms.filter((term) => term.chunks !== 0) }).toEqual(exact);
    await inWorkspace((db) =>
      db.query('UPDATE dbrag.term_statistics SET chunks = chunks + 5 WHERE term = $1', [exact.terms[0]?.term]),
    );
    await leave(0, 0, { 1: 1 });
    expect(await inWorkspace((db) => recountStatistics(db, workspaceId))).toBe(true);
    expect(await known()).toEqual(exact);
    expect(await inWorkspace((db) => recountStatistics(db, workspaceId))).toBe(false);
  }, 60_000);

  it('know the languages of what is live', async () => {
    const collectionId = await createCollection(database.application, workspaceId);
    const [english, simple] = ['english', 'simple'].map((language) =>
      createDocument(database.application, workspaceId, collectionId, {
        language,
        processing: true,
        chunks: [{ text: language }],
      }),
    );
    const languages = async () =>
      (await inWorkspace((db) => db.query('SELECT languages FROM dbrag.corpus_statistics'))).rows[0]?.languages;
    for (const [document, expected] of [
      [await english, ['english']],
      [await simple, ['english', 'simple']],
    ] as const) {
      await inWorkspace((db) =>
        leaveStatisticsDifference(db, workspaceId, [{ documentId: document as string, version: 1 }], 1),
      );
      await inWorkspace((db) => foldStatistics(db, workspaceId, 0));
      expect(await languages()).toEqual(expected);
    }
  });

  it('move the length that weights are relative to when the average has left it, and weigh all anew', async () => {
    const collectionId = await createCollection(database.application, workspaceId);
    for (let document = 0; document < 3; document++)
      await createDocument(database.application, workspaceId, collectionId, {
        chunks: Array.from({ length: 50 }, (_, index) => ({ text: `short text number ${document} ${index}` })),
      });
    await inWorkspace((db) => recountStatistics(db, workspaceId));
    await inWorkspace((db) => db.query(`UPDATE dbrag.chunks SET terms = NULL WHERE text LIKE '%7'`));
    const wrong = async () =>
      (
        await inWorkspace((db) =>
          db.query(
            `SELECT FROM dbrag.chunks, dbrag.corpus_statistics s
             WHERE terms IS DISTINCT FROM (SELECT w.terms FROM dbrag.term_weights(search, (s.tokens::real / s.chunks)::real) AS w)`,
          ),
        )
      ).count;
    expect(await wrong()).toBe(150);
    let slices = 0;
    await weighTerms(database.application, workspaceId, () => slices++ < 1);
    await weighTerms(database.application, workspaceId, () => true);
    expect(await wrong()).toBe(0);
    const settled = await inWorkspace((db) => db.query('SELECT weighing_after FROM dbrag.corpus_statistics'));
    expect(settled.rows).toEqual([{ weighing_after: null }]);
  });

  it('take the length that weights are relative to from the first texts, for all who store at the same time', async () => {
    const collectionId = await createCollection(database.application, workspaceId);
    const adapters = Array.from({ length: 3 }, () => openTestDatabase(database.applicationUrl));
    const store = async (adapter: (typeof adapters)[number], word: string, words: number) => {
      const documentId = await createDocument(database.application, workspaceId, collectionId, {
        processing: true,
        chunks: [],
      });
      const owned = Array.from({ length: 40 }, (_, ordinal) => {
        const text = `${word}${ordinal} ${'tree '.repeat(words - 1)}`;
        const chunk = { ordinal, text, contentHash: sha256(text), tokenCount: 1, language: 'english' } as const;
        const owner = { workspaceId, collectionId, documentId, version: 2 };
        return { owner, chunk: { ...chunk, location: { headings: [], start: 0, end: 1 } }, mayBeKnown: false };
      });
      await adapter.inWorkspace({ workspaceId }, (db) => storeTexts(db, workspaceId, owned));
    };
    await Promise.all(adapters.map((adapter, at) => store(adapter, `first${at}`, 50)));
    const [first] = adapters;
    if (first) await store(first, 'later', 5);
    await Promise.all(adapters.map((adapter) => adapter.close()));
    // 40 texts of 50 against 8 of 160.
    const reference = (40 * 50 + 8 * 160) / 48;
    const known = await inWorkspace((db) => db.query('SELECT reference_length FROM dbrag.corpus_statistics'));
    expect(known.rows[0]?.reference_length).toBeCloseTo(reference, 3);
    const { rows } = await inWorkspace((db) =>
      db.query(
        `SELECT count(*) AS texts, count(*) FILTER (WHERE terms = (SELECT w.terms FROM dbrag.term_weights(search, s.reference_length) AS w))
           AS relative FROM dbrag.chunks, dbrag.corpus_statistics s`,
      ),
    );
    expect(rows).toEqual([{ texts: 160, relative: 160 }]);
  });

  it('leave the length alone while documents are coming, unless it is far off', async () => {
    const collectionId = await createCollection(database.application, workspaceId);
    await createDocument(database.application, workspaceId, collectionId, { processing: true, chunks: [] });
    const drift = async (average: number) => {
      await inWorkspace((db) =>
        db.query(
          'UPDATE dbrag.corpus_statistics SET chunks = 1000, tokens = $2, reference_length = 100 WHERE workspace_id = $1',
          [workspaceId, 1_000 * average],
        ),
      );
      const waits = await weighTerms(database.application, workspaceId, () => true);
      const { rows } = await inWorkspace((db) => db.query('SELECT reference_length FROM dbrag.corpus_statistics'));
      return { waits, reference: rows[0]?.reference_length };
    };
    expect(await drift(140)).toEqual({ waits: false, reference: 100 });
    expect(await drift(180)).toEqual({ waits: true, reference: 100 });
    expect(await drift(60)).toEqual({ waits: true, reference: 100 });
    expect(await drift(220)).toEqual({ waits: false, reference: 220 });
    await inWorkspace((db) => db.query(`UPDATE dbrag.document_versions SET status = 'cancelled'`));
    expect(await drift(180)).toEqual({ waits: false, reference: 180 });
  });
});
