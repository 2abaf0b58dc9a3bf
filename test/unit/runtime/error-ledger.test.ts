import { describe, expect, it } from 'vitest';
import { ErrorLedger } from '../../../functions/runtime/error-ledger.ts';
import type { Database, Db } from '../../../shared/core/database.ts';
import type { Failure } from '../../../shared/core/error-fingerprint.ts';

const failure = (fingerprint: string): Failure => ({ fingerprint, name: 'Error', code: null, frames: [] });

function world() {
  const rows = new Map<string, number>();
  const told = new Set<string>();
  const news: string[] = [];
  let failures: Failure[] = [];
  let isAway = false;
  let hangs = false;
  let diesBeforeMarking = false;
  let statements = 0;
  let unnoted = 0;
  const db = {
    async query(sql: string, [first, text]: [unknown, string]) {
      if (diesBeforeMarking && sql.startsWith('UPDATE')) throw new Error('died');
      if (sql.startsWith('UPDATE')) {
        for (const fingerprint of first as string[]) told.add(fingerprint);
        return { rows: [] };
      }
      statements += 1;
      if (hangs) await new Promise(() => {});
      if (isAway) throw new Error('away');
      const sightings = JSON.parse(text) as { fingerprint: string; count: number }[];
      return {
        rows: sightings.map(({ fingerprint, count }) => {
          const is_new = !told.has(fingerprint);
          rows.set(fingerprint, (rows.get(fingerprint) ?? 0) + count);
          return { fingerprint, is_new };
        }),
      };
    },
  } as unknown as Db;
  const database = { inSystem: (work: (db: Db) => Promise<unknown>) => work(db) } as unknown as Database;
  const unflushed: string[] = [];
  const log = {
    takeFailures: () => failures.splice(0),
    errorIsNew: ({ fingerprint }: Failure) => void unflushed.push(fingerprint),
    flush: () => void news.push(...unflushed.splice(0)),
    notNoted: () => {
      unnoted += 1;
    },
  };
  const ledger = new ErrorLedger(database, 'http-api', log, 20);
  return {
    rows,
    news,
    fail: (...fingerprints: string[]) => {
      failures = fingerprints.map(failure);
    },
    away: (value: boolean) => {
      isAway = value;
    },
    hang: () => {
      hangs = true;
    },
    dieBeforeMarking: (value: boolean) => {
      diesBeforeMarking = value;
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

  it('keeps what could not be noted for a minute later, lets nobody wait for it before, and fails nobody', async () => {
    const { rows, news, fail, away, note, statements, unnoted } = world();
    away(true);
    fail('a', 'a');
    await note(0);
    fail('a');
    await note(1);
    expect([statements(), unnoted()]).toEqual([1, 1]);
    away(false);
    await note(61);
    expect(news).toEqual(['a']);
    expect(rows.get('a')).toBe(3);
  });

  it('is not waited for where the database does not answer', async () => {
    const { fail, hang, note, statements } = world();
    hang();
    fail('a');
    await note(0);
    expect(statements()).toBe(1);
  });

  it('tells again of what was told by somebody who died before that was written down', async () => {
    const { news, fail, note, dieBeforeMarking } = world();
    dieBeforeMarking(true);
    fail('a');
    await note(0);
    dieBeforeMarking(false);
    for (const second of [100, 200]) {
      fail('a');
      await note(second);
    }
    expect(news).toEqual(['a', 'a']);
  });
});
