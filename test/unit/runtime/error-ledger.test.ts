import { describe, expect, it } from 'vitest';
import { ErrorLedger } from '../../../functions/runtime/error-ledger.ts';
import type { Database, Db } from '../../../shared/core/database.ts';
import type { Failure } from '../../../shared/core/error-fingerprint.ts';

const failure = (fingerprint: string): Failure => ({ fingerprint, name: 'Error', code: null, frames: [] });

function world() {
  const rows = new Map<string, number>();
  const news: string[] = [];
  let failures: Failure[] = [];
  let isAway = false;
  let statements = 0;
  let unnoted = 0;
  const db = {
    async query(_sql: string, [, text]: [string, string]) {
      statements += 1;
      if (isAway) throw new Error('away');
      const sightings = JSON.parse(text) as { fingerprint: string; count: number }[];
      return {
        rows: sightings.map(({ fingerprint, count }) => {
          const is_new = !rows.has(fingerprint);
          rows.set(fingerprint, (rows.get(fingerprint) ?? 0) + count);
          return { fingerprint, is_new };
        }),
      };
    },
  } as unknown as Db;
  const database = { inSystem: (work: (db: Db) => Promise<unknown>) => work(db) } as unknown as Database;
  const ledger = new ErrorLedger(database, 'http-api', {
    takeFailures: () => failures.splice(0),
    errorIsNew: ({ fingerprint }) => void news.push(fingerprint),
    notNoted: () => {
      unnoted += 1;
    },
  });
  return {
    rows,
    news,
    fail: (...fingerprints: string[]) => {
      failures = fingerprints.map(failure);
    },
    away: (value: boolean) => {
      isAway = value;
    },
    note: (second: number) => ledger.note(1_000_000 + second * 1_000),
    statements: () => statements,
    unnoted: () => unnoted,
  };
}

describe('the ledger of errors', () => {
  it('tells of each place once, and costs nothing while nothing fails', async () => {
    const { rows, news, fail, note, statements } = world();
    await note(0);
    expect(statements()).toBe(0);
    fail('a', 'b', 'a');
    await note(1);
    fail('a');
    await note(100);
    expect(news).toEqual(['a', 'b']);
    expect([...rows]).toEqual([
      ['a', 3],
      ['b', 1],
    ]);
  });

  it('notes a place that fails at every request once a minute, with how often it did', async () => {
    const { rows, fail, note, statements } = world();
    for (let second = 0; second < 61; second += 1) {
      fail('a');
      await note(second);
    }
    expect(statements()).toBe(2);
    expect(rows.get('a')).toBe(61);
  });

  it('keeps what could not be noted for the next time, and fails nobody', async () => {
    const { rows, news, fail, away, note, unnoted } = world();
    away(true);
    fail('a', 'a');
    await note(0);
    expect(unnoted()).toBe(1);
    away(false);
    await note(1);
    expect(news).toEqual(['a']);
    expect(rows.get('a')).toBe(2);
  });
});
