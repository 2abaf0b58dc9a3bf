import { describe, expect, it } from 'vitest';
import type { Database, Db } from '../../../shared/core/database.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { checkAllIndexes } from '../../../shared/indexing/check-all-indexes.ts';
import type { IndexingPorts } from '../../../shared/indexing/tend-indexes.ts';

const partitions = ['embeddings_00', 'embeddings_01', 'embeddings_02'];

/** A workspace in each partition, of the same number. @param failing what statements of a workspace throw */
function world(failing: Readonly<Record<string, Error>> = {}) {
  const checked: string[] = [];
  let questions = 0;
  const dbOf = (workspaceId: string) =>
    ({
      async query(text: string, values: readonly unknown[] = []) {
        if (text.includes('pg_inherits')) {
          const state = { status: 'ready', rows: 50_000, ef_search: 100, checked_at: null };
          return { rows: partitions.map((partition) => ({ ...state, partition })) };
        }
        if (text.includes('walk_workspaces')) return { rows: partitions.map((_, i) => ({ id: `workspace_0${i}` })) };
        if (text.includes('corpus_statistics')) return { rows: [{ chunks: 50_000 }] };
        if (text.includes('relname AS partition'))
          return { rows: [{ partition: workspaceId.replace('workspace', 'embeddings') }] };
        if (text.includes('searched_by_index')) return { rows: [{ by_index: true }] };
        if (text.includes('INSERT INTO dbrag.vector_indexes')) {
          if (text.includes('checked_at')) checked.push(values[0] as string);
          return { rows: [] };
        }
        if (failing[workspaceId]) throw failing[workspaceId];
        if (text.includes('AS question')) {
          questions += 1;
          return { rows: [{ question: '[1,0]' }] };
        }
        return { rows: [{ found: 10, exact: 10 }] };
      },
    }) as unknown as Db;
  const database = {
    inWorkspace: ({ workspaceId }: { workspaceId: string }, work: (db: Db) => Promise<unknown>) =>
      work(dbOf(workspaceId)),
    inSystem: (work: (db: Db) => Promise<unknown>) => work(dbOf('')),
  } as unknown as Database;
  const failed: string[] = [];
  const check = (options: { hasTime?: () => boolean; partitions?: readonly string[] } = {}) =>
    checkAllIndexes({ database, model: 'm' } as unknown as IndexingPorts, {
      ...options,
      onFailed: (partition) => void failed.push(partition),
    });
  return { check, checked, failed, questions: () => questions };
}

const slow = new DbragError('timeout', 'The database did not answer in time.', { retryable: true });

describe('the canaries of all indexes', () => {
  it('go on behind one that takes too long, which is told of and has had its turn', async () => {
    const { check, checked, failed } = world({ workspace_00: slow });
    expect(await check()).toHaveLength(2);
    expect(failed).toEqual(['embeddings_00']);
    expect(checked).toEqual(partitions);
  });

  it('end where the database is away: that is no index’s fault', async () => {
    const away = new DbragError('database_resuming', 'away', { retryable: true });
    const { check, checked, failed } = world({ workspace_01: away });
    await expect(check()).rejects.toBe(away);
    expect([failed, checked]).toEqual([[], ['embeddings_00']]);
  });

  it('ask of the partitions that are named alone', async () => {
    const { check, checked } = world();
    expect(await check({ partitions: ['embeddings_01'] })).toHaveLength(1);
    expect(checked).toEqual(['embeddings_01']);
  });

  it('stop between two questions when time is over, and leave that partition its turn', async () => {
    const { check, checked, failed, questions } = world();
    expect(await check({ hasTime: () => questions() < 25 })).toHaveLength(1);
    expect([checked, failed, questions()]).toEqual([['embeddings_00'], [], 25]);
  });

  it('give a partition up for which a whole night has no time', async () => {
    const { check, checked, failed, questions } = world();
    expect(await check({ hasTime: () => questions() < 5 })).toEqual([]);
    expect([checked, failed]).toEqual([['embeddings_00'], ['embeddings_00']]);
  });
});
