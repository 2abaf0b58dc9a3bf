import { describe, expect, it } from 'vitest';
import { noCache } from '../../../shared/core/cache.ts';
import type { Database, Db } from '../../../shared/core/database.ts';
import { CatalogCache } from '../../../shared/databases/catalog-cache.ts';

/** One table a connection, of so many columns. @param mostNames that are remembered */
function world(columns: number, mostNames: number) {
  const generations = new Map<string, number>();
  let reads = 0;
  const db = {
    async query(text: string, [, id]: [string, string]) {
      if (text.includes('dbrag.connections'))
        return { rows: [{ id, generation: generations.get(id) ?? 1, schemas: [] }] };
      reads += 1;
      const names = Array.from({ length: columns }, (_, i) => `column_${i}`);
      return { rows: [{ schema: 's', name: 't', entry: 's.t', columns: names, references: [], types: [] }] };
    },
  } as unknown as Db;
  const database = {
    inWorkspace: (_scope: unknown, work: (db: Db) => Promise<unknown>) => work(db),
  } as unknown as Database;
  const catalog = new CatalogCache(noCache, 0, mostNames);
  return {
    change: (id: string) => generations.set(id, (generations.get(id) ?? 1) + 1),
    /** @returns how many catalogs were read for it */
    async ask(...ids: string[]): Promise<number> {
      const before = reads;
      for (const id of ids) await catalog.readable(database, { workspaceId: 'w' }, id);
      return reads - before;
    },
  };
}

describe('what a process remembers of catalogs', () => {
  it('is bounded by columns, and not by tables alone', async () => {
    const narrow = world(10, 1_000);
    expect(await narrow.ask('a', 'b', 'c', 'a', 'b', 'c')).toBe(3);
    const wide = world(400, 1_000);
    expect(await wide.ask('a', 'b', 'c')).toBe(3);
    expect(await wide.ask('c', 'b')).toBe(0);
    expect(await wide.ask('a')).toBe(1);
  });

  it('is one state of each connection: what was before its last change takes no place', async () => {
    const { ask, change } = world(400, 1_000);
    expect(await ask('a', 'b')).toBe(2);
    for (let i = 0; i < 3; i += 1) {
      change('b');
      expect(await ask('b')).toBe(1);
    }
    expect(await ask('a', 'b')).toBe(0);
  });

  it('is one that is larger than all that may be remembered, too', async () => {
    expect(await world(2_000, 1_000).ask('a', 'a')).toBe(1);
  });
});
