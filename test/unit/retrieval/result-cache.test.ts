import { describe, expect, it, vi } from 'vitest';
import type { Database } from '../../../shared/core/database.ts';
import { ResultCache } from '../../../shared/retrieval/result-cache.ts';
import { MemoryCache } from '../models/memory-cache.ts';

const scope = { workspaceId: '0198c0de-0000-7000-8000-000000000001', collectionIds: null };
const hits = '[{"chunkId":"a","text":"täxt"}]';

function world(secondsToLive = 300, cache = new MemoryCache()) {
  const state = { generation: '1 2', reads: 0 };
  const ask = async () => {
    state.reads += 1;
    return { rows: [{ generation: state.generation }], count: 1 };
  };
  const results = new ResultCache(cache, secondsToLive);
  const find = (request: unknown, within = scope as Parameters<ResultCache['find']>[1]) =>
    results.find({ ask } as unknown as Database, within, request);
  return { state, cache, results, find };
}

describe('the result cache', () => {
  it('costs nothing for a question that comes once, and knows it the third time', async () => {
    const { find, results, state } = world();
    expect(await find('q')).toBeUndefined();
    expect(state.reads).toBe(0);
    const second = await find('q');
    expect(second?.answer).toBeUndefined();
    await results.keep(second?.key as string, hits);
    expect((await find('q'))?.answer).toEqual(hits);
  });

  it('serves nothing of another generation, narrowing, request or workspace', async () => {
    const { find, results, state } = world();
    await find('q');
    await results.keep((await find('q'))?.key as string, hits);
    const other = { workspaceId: '0198c0de-0000-7000-8000-000000000002', collectionIds: null };
    const narrowed = { ...scope, collectionIds: ['0198c0de-0000-7000-8000-000000000003'] };
    const fewerDatabases = { ...scope, connectionIds: ['0198c0de-0000-7000-8000-000000000003'] };
    for (const elsewhere of [other, narrowed, fewerDatabases, { ...scope, connectionIds: [] }])
      for (let time = 0; time < 3; time++) expect((await find('q', elsewhere))?.answer).toBeUndefined();
    state.generation = '1 3';
    expect((await find('q'))?.answer).toBeUndefined();
    state.generation = '1 2';
    expect((await find('q'))?.answer).toEqual(hits);
  });

  it('refuses what somebody put there: another key’s value, a changed one, rubbish', async () => {
    const { find, results, cache } = world();
    const keys: string[] = [];
    for (const question of ['q', 'other']) {
      await find(question);
      keys.push((await find(question))?.key as string);
      await results.keep(keys.at(-1) as string, hits);
    }
    const [mine, others] = keys as [string, string];
    const [foreign] = await cache.getMany([others]);
    const changed = Buffer.from(foreign as Uint8Array);
    changed[20] = (changed[20] as number) ^ 1;
    for (const value of [foreign as Uint8Array, changed, Buffer.from('[]'), Buffer.alloc(0)]) {
      await cache.setMany([{ key: mine, value }], 300);
      const { find: findElsewhere } = world(300, cache);
      await findElsewhere('q');
      expect((await findElsewhere('q'))?.answer).toBeUndefined();
    }
  });

  it('asks the cache no more for what the process had, until its time is over, and forgets the oldest past 8 MB', async () => {
    vi.useFakeTimers({ now: 0 });
    const { find, results, cache } = world();
    const ask = async (question: string) => {
      await find(question);
      return find(question);
    };
    for (let n = 0; n < 90; n++) await results.keep((await ask(`q${n}`))?.key as string, 'x'.repeat(99_000));
    cache.entries.clear();
    expect((await ask('q89'))?.answer).toHaveLength(99_000);
    expect((await ask('q0'))?.answer).toBeUndefined();
    vi.setSystemTime(300_000);
    expect((await ask('q89'))?.answer).toBeUndefined();
    vi.useRealTimers();
  });

  it('keeps nothing large, and nothing at all where it is off', async () => {
    const { find, results, cache } = world();
    await find('q');
    const key = (await find('q'))?.key as string;
    await results.keep(key, 'x'.repeat(100_000));
    expect(await cache.getMany([key])).toEqual([undefined]);
    const off = world(0);
    for (let time = 0; time < 3; time++) expect(await off.find('q')).toBeUndefined();
  });
});
