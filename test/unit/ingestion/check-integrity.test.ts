import { describe, expect, it } from 'vitest';
import type { Database, Db } from '../../../shared/core/database.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { checkIntegrity } from '../../../shared/ingestion/check-integrity.ts';

const idOf = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** Documents 1 to `count`; a statement that looks at one of `slow`, and at more than `most` at once, runs into its limit. */
function world(count: number, { slow = [], most = 0 }: { slow?: readonly number[]; most?: number } = {}) {
  const ids = Array.from({ length: count }, (_, i) => idOf(count - i));
  const seen: string[] = [];
  const db = {
    async query(text: string, values: readonly unknown[]) {
      if (text.startsWith('SELECT id FROM dbrag.documents')) {
        const [, upTo, limit] = values as [string, string, number];
        return {
          rows: ids
            .filter((id) => id <= upTo)
            .slice(0, limit)
            .map((id) => ({ id })),
        };
      }
      // The content of a night's thirtieth.
      if (Array.isArray(values[1])) return { rows: [] };
      const [, from, upTo] = values as [string, string, string];
      const asked = ids.filter((id) => id > from && id <= upTo);
      if (asked.length > most && slow.some((n) => asked.includes(idOf(n))))
        throw new DbragError('timeout', 'The database did not answer in time.', { retryable: true });
      seen.push(...asked);
      return { rows: [] };
    },
  } as unknown as Db;
  const database = {
    inWorkspace: (_scope: unknown, work: (db: Db) => Promise<unknown>) => work(db),
  } as unknown as Database;
  const unseen: string[] = [];
  const check = (hasTime?: () => boolean) =>
    checkIntegrity(
      { database, onUnseen: (id) => void unseen.push(id) },
      'w',
      { upTo: null, isRead: () => false },
      hasTime,
    );
  return { check, ids, seen, unseen };
}

describe('the nightly look at documents', () => {
  it('looks at a page that takes too long in smaller ones, at every document once', async () => {
    const { check, ids, seen, unseen } = world(500, { slow: [450], most: 3 });
    await check();
    expect(seen).toEqual(ids);
    expect(unseen).toEqual([]);
  });

  it('passes a document that takes too long alone, says so, and goes on behind it', async () => {
    const { check, ids, seen, unseen } = world(300, { slow: [250, 1] });
    await check();
    expect(seen).toEqual(ids.filter((id) => id !== idOf(250) && id !== idOf(1)));
    expect(unseen).toEqual([idOf(250), idOf(1)]);
  });

  it('stops where the night has no more time for smaller pages', async () => {
    let asked = 0;
    const { check, seen } = world(300, { slow: [300] });
    await check(() => ++asked <= 3);
    expect(seen).toEqual([]);
  });
});
