import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '../../shared/core/database.ts';
import { foldStatistics } from '../../shared/retrieval/fold-statistics.ts';
import { createTestDatabase, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { createWorkspace } from '../support/database-content.ts';

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
});
