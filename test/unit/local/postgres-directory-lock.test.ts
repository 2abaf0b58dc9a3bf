import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DirectoryInUseError, lockDirectory } from '../../../infra/local/postgres/directory-lock.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postgres-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const lockFile = () => join(directory, 'lock.json');

test('a directory is taken once, and free again when it is released', async () => {
  const lock = await lockDirectory(directory);
  await expect(lockDirectory(directory, 0)).rejects.toThrow(DirectoryInUseError);
  lock.release();
  (await lockDirectory(directory, 0)).release();
  expect(readdirSync(directory)).toEqual([]);
});

test('whoever waits gets it when the owner lets go', async () => {
  const lock = await lockDirectory(directory);
  setTimeout(() => lock.release(), 100);
  (await lockDirectory(directory, 5_000)).release();
});

test.each([
  ['a process that is gone', { pid: 2 ** 22 + 1, started: 'long ago' }],
  ['an earlier process of the same number', { pid: process.pid, started: 'long ago' }],
])('a lock left behind by %s counts for nothing', async (_name, owner) => {
  writeFileSync(lockFile(), JSON.stringify(owner));
  const lock = await lockDirectory(directory, 0);
  expect(JSON.parse(readFileSync(lockFile(), 'utf8'))).toMatchObject({ pid: process.pid });
  expect(readdirSync(directory)).toEqual(['lock.json']);
  lock.release();
});

test('of many that find a stale lock, one gets it', async () => {
  writeFileSync(lockFile(), JSON.stringify({ pid: 2 ** 22 + 1, started: 'long ago' }));
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => lockDirectory(directory, 0)));
  expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1);
});
