import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningPostgres, startPostgres } from '../../../infra/local/postgres/start-postgres.ts';
import { type MixedLoadResult, runMixedLoad } from '../../support/postgres-mixed-load.ts';

let postgres: RunningPostgres;

beforeAll(async () => {
  postgres = await startPostgres({ superuserPassword: 'secret', log: console.log });
  const client = new pg.Client(postgres.adminUrl);
  await client.connect();
  await client.query('CREATE TABLE load (key text, value int); CREATE TABLE copied (key text, value int)');
  await client.end();
}, 30_000);

afterAll(() => postgres?.close());

test('3,000 mixed queries from 10 connections in two processes: no wrong row and no error', async () => {
  const started = performance.now();
  const other = fork(
    fileURLToPath(new URL('../../support/postgres-mixed-load.ts', import.meta.url)),
    [postgres.adminUrl, 'other', '1500', '5'],
    { execArgv: [] },
  );
  const otherResult = once(other, 'message') as Promise<[MixedLoadResult]>;
  const result = await runMixedLoad(postgres.adminUrl, 'own', 1500, 5);
  const [{ wrong, queries }] = await otherResult;
  console.log(`3,000 pieces of mixed work in ${Math.round(performance.now() - started)} ms`);
  expect([...result.wrong, ...wrong]).toEqual([]);
  expect(result.queries + queries).toBe(3000);
  const client = new pg.Client(postgres.adminUrl);
  await client.connect();
  const { rows } = await client.query('SELECT count(*)::int AS rows, count(DISTINCT key)::int AS keys FROM copied');
  // Work 7 of 8, less those whose turn the 1 MB rows took.
  const copies = Array.from({ length: 1500 }, (_, index) => index).filter(
    (index) => index % 8 === 7 && index % 50 !== 49,
  );
  expect(rows[0]).toEqual({ rows: copies.length * 2 * 20, keys: copies.length * 2 });
  await client.end();
}, 60_000);

test('a statement that recurses without end, or nests too deep, is an error and nothing more', async () => {
  const client = new pg.Client(postgres.adminUrl);
  await client.connect();
  await client.query(
    'CREATE FUNCTION deeper(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN deeper($1 + 1); END $$',
  );
  await client.query(
    'CREATE FUNCTION inlined(int) RETURNS int LANGUAGE sql AS $$ SELECT CASE WHEN $1 < 0 THEN 1 ELSE inlined($1 + 1) END $$',
  );
  for (const sql of ['SELECT deeper(1)', 'SELECT inlined(1)', `SELECT 1${'+1'.repeat(50_000)}`]) {
    await expect(client.query(sql)).rejects.toMatchObject({ code: '54001' });
  }
  expect((await client.query(`SELECT 1${'+1'.repeat(300)} AS sum`)).rows).toEqual([{ sum: 301 }]);
  await client.end();
});
