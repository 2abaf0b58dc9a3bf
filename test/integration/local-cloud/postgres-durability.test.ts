import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabaseTemplate } from '../../../infra/local/postgres/database-template.ts';
import { startPostgres } from '../../../infra/local/postgres/start-postgres.ts';

let directory: string;
const log: string[] = [];
const options = (name: string) => ({
  dataDirectory: join(directory, name),
  superuserPassword: 'secret',
  log: (line: string) => void log.push(line),
});

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'postgres-durability-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function startWriter(dataDirectory: string, acknowledged: string, first: number) {
  const writer = fork(
    fileURLToPath(new URL('../../support/postgres-writer.ts', import.meta.url)),
    [dataDirectory, acknowledged, String(first)],
    { execArgv: [] },
  );
  const [{ pid }] = (await once(writer, 'message')) as [{ pid: number }];
  return { writer, pid };
}

const ended = (child: ChildProcess): Promise<unknown> =>
  child.exitCode === null ? once(child, 'exit') : Promise.resolve();

test('after kill -9 during writes, the next start works at once and has every acknowledged row', async () => {
  const acknowledged = join(directory, 'acknowledged');
  const { dataDirectory } = options('killed');
  for (const [round, whom] of ['postgres', 'parent', 'postgres'].entries()) {
    const { writer, pid } = await startWriter(dataDirectory, acknowledged, round * 1_000_000);
    await sleep(700);
    // The database itself, or the process that started it, whose end must end the database.
    process.kill(whom === 'postgres' ? pid : (writer.pid as number), 'SIGKILL');
    await ended(writer);
    const postgres = await startPostgres(options('killed'));
    const rows = await query(postgres.adminUrl, 'SELECT n FROM written ORDER BY n');
    const promised = readFileSync(acknowledged, 'utf8').trimEnd().split('\n').map(Number);
    const kept = new Set(rows.map((row) => row.n));
    expect(promised.length).toBeGreaterThan(100 * (round + 1));
    expect(promised.filter((n) => !kept.has(n))).toEqual([]);
    await postgres.close();
  }
}, 60_000);

test('one directory serves one process: the second is told who has it', async () => {
  const first = await startPostgres(options('shared'));
  await expect(startPostgres(options('shared'))).rejects.toThrow(
    `${options('shared').dataDirectory} is in use by process ${first.pid}: stop it, or choose another directory with LOCAL_DATA_DIR`,
  );
  expect(await query(first.adminUrl, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
  await first.close();
  expect(await first.exited).toBe(0);
  const next = await startPostgres(options('shared'));
  await next.close();
});

test('a start that was killed half way is begun anew', async () => {
  const child = fork(fileURLToPath(new URL('../../../infra/local/postgres/main.ts', import.meta.url)), [], {
    execArgv: [],
  });
  child.send({ superuserPassword: 'secret', dataDirectory: options('half').dataDirectory });
  await sleep(900);
  child.kill('SIGKILL');
  await ended(child);
  const postgres = await startPostgres(options('half'));
  expect(await query(postgres.adminUrl, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
  await postgres.close();
});

test('roles, data and a new superuser password last over restarts', async () => {
  const first = await startPostgres({ ...options('lasting'), database: 'dbrag' });
  await query(
    first.adminUrl,
    `CREATE ROLE app LOGIN PASSWORD 'it''s'; CREATE TABLE t AS SELECT 42 AS a; GRANT SELECT ON t TO app`,
  );
  await first.close();
  const second = await startPostgres({ ...options('lasting'), database: 'dbrag', superuserPassword: 'changed' });
  expect(await query(second.url('app', `it's`), 'SELECT a FROM t')).toEqual([{ a: 42 }]);
  expect(await query(second.adminUrl, 'SELECT current_user AS u')).toEqual([{ u: 'postgres' }]);
  await second.close();
});

test('a template is made once, whoever races for it, and every database starts as its copy', async () => {
  let prepared = 0;
  const prepare = async (adminUrl: string): Promise<void> => {
    prepared += 1;
    await query(adminUrl, 'CREATE TABLE migrated AS SELECT 7 AS a');
  };
  const make = (cacheKey: string) =>
    createDatabaseTemplate(prepare, { directory: join(directory, 'templates'), cacheKey });
  const [template, same] = await Promise.all([make('one'), make('one')]);
  expect(same).toBe(template);
  expect(prepared).toBe(1);
  expect(await make('two')).not.toBe(template);
  expect(prepared).toBe(2);
  const [one, two] = await Promise.all([
    startPostgres({ superuserPassword: 'a', templateDump: template, log: console.error }),
    startPostgres({ ...options('copied'), templateDump: template }),
  ]);
  await query(one.adminUrl, 'INSERT INTO migrated VALUES (8)');
  expect(await query(two.adminUrl, 'SELECT a FROM migrated')).toEqual([{ a: 7 }]);
  await Promise.all([one.close(), two.close()]);
});
