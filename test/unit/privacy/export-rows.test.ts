import { expect, it } from 'vitest';
import type { Db, SnapshotDatabase } from '../../../shared/core/database.ts';
import { Archive } from '../../../shared/privacy/archive.ts';
import { writeRows } from '../../../shared/privacy/export-rows.ts';

const workspaceId = '01890000-0000-7000-8000-000000000001';
const megabyte = 1_024 * 1_024;

/** A database that has so many rows of this length in each table, and keeps how many of them were asked for at once. */
function databaseOf(rowsOfTable: number, characters: number) {
  const line = JSON.stringify({ holder: null, origin: null, text: 'x'.repeat(characters) });
  const wanted: number[] = [];
  let left = 0;
  const query = async (sql: string) => {
    if (sql.startsWith('DECLARE')) left = rowsOfTable;
    const count = Number(/^FETCH FORWARD (\d+)/.exec(sql)?.[1] ?? 0);
    if (count === 0) return { rows: [], count: 0 };
    wanted.push(count);
    const rows = Array.from({ length: Math.min(left, count) }, () => ({ line }));
    left -= rows.length;
    return { rows, count: rows.length };
  };
  const database = { inSnapshot: (_scope: unknown, work: (db: Db) => unknown) => work({ query } as unknown as Db) };
  return { database: database as SnapshotDatabase, wanted };
}

const nowhere = { write: async () => {}, complete: async () => {}, abort: async () => {} };
const input = { scope: 'workspace', subject_id: null } as Parameters<typeof writeRows>[3];

it.each([
  ['small', 1_000, 100, 100_000],
  ['large', 60, 100_000, 2 * megabyte],
])('rows that are %s are all written, and few characters of them held at once', async (_, count, characters, most) => {
  const { database, wanted } = databaseOf(count, characters);
  const archive = new Archive(nowhere);
  const { rows } = await writeRows({ database, keys: null }, archive, workspaceId, input);
  expect(rows).toBe(count * archive.files.length);
  expect(archive.files.length).toBeGreaterThan(15);
  expect(Math.max(...wanted) * characters).toBeLessThanOrEqual(most);
});

it('small rows are fetched hundreds at once', async () => {
  const { database, wanted } = databaseOf(2_000, 100);
  await writeRows({ database, keys: null }, new Archive(nowhere), workspaceId, input);
  expect(Math.max(...wanted)).toBe(500);
});
