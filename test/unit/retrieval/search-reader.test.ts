import { expect, it } from 'vitest';
import type { Database } from '../../../shared/core/database.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { SearchReader } from '../../../shared/retrieval/search-reader.ts';

const state = { workspace: '1', collectionIds: [], generations: [] } as unknown as Parameters<SearchReader['read']>[2];

function failingReader() {
  const now = { milliseconds: 0 };
  let failure: unknown;
  const inWorkspace = async () => {
    throw failure;
  };
  const clock = { now: () => new Date(now.milliseconds) };
  const reader = new SearchReader({ inWorkspace } as unknown as Database, clock, () => {});
  const fail = async (workspaceId: string, error: unknown) => {
    failure = error;
    expect(await reader.read({ workspaceId }, null, state, { long: async () => 1 })).toBeUndefined();
  };
  return { reader, now, fail };
}
const timeout = () => new DbragError('timeout', 'The database did not answer in time.', { retryable: true });
const withCode = (code: string) => Object.assign(new Error('It failed.'), { code });

it.each([
  ['a statement that takes too long', timeout()],
  ['a busy moment', new DbragError('overloaded', 'The database is busy.', { retryable: true })],
  ['a limit of the server', withCode('54001')],
])('is kept from one workspace alone after %s there', async (_, error) => {
  const { reader, now, fail } = failingReader();
  await fail('slow', error);
  expect(reader.isAwakeFor('slow')).toBe(false);
  expect(reader.isAwakeFor('other')).toBe(true);
  now.milliseconds = 30_000;
  expect(reader.isAwakeFor('slow')).toBe(true);
});

it.each([
  ['an instance that is away', new DbragError('database_resuming', 'It may be resuming.', { retryable: true })],
  ['credentials that are refused', new DbragError('internal', 'The database refused its credentials.')],
  ['a connection that breaks', withCode('ECONNRESET')],
  ['a table that is not replayed yet', withCode('42P01')],
])('rests for everybody after %s', async (_, error) => {
  const { reader, now, fail } = failingReader();
  await fail('one', error);
  expect(reader.isAwakeFor('other')).toBe(false);
  now.milliseconds = 30_000;
  expect(reader.isAwakeFor('other')).toBe(true);
});

it('rests for everybody when it is too slow for several workspaces at once, so that a hanging one is not waited for by all', async () => {
  const { reader, now, fail } = failingReader();
  for (const [at, workspaceId] of ['a', 'b', 'c'].entries()) {
    now.milliseconds = at * 29_000;
    await fail(workspaceId, timeout());
  }
  expect(reader.isAwakeFor('other')).toBe(true);
  for (const workspaceId of ['d', 'e']) await fail(workspaceId, timeout());
  expect(reader.isAwakeFor('other')).toBe(false);
});
