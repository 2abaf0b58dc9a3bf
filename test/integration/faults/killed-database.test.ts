import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningDatabase, startDatabase } from '../../../infra/local/cloud/database.ts';
import { eventually } from '../../support/api-client.ts';

const directory = mkdtempSync(join(tmpdir(), 'dbrag-killed-database-'));
let database: RunningDatabase;

beforeAll(async () => {
  database = await startDatabase({ databaseName: 'dbrag', directory, rootKey: 'root', log: () => {} });
});
afterAll(async () => {
  await database.close();
  rmSync(directory, { recursive: true, force: true });
});

async function query<Row extends object>(sql: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: database.adminUrl });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

it('is there again at its address, with all that was committed, after it was killed', async () => {
  await query('CREATE TABLE kept (n integer)');
  for (const n of [1, 2]) {
    await query(`INSERT INTO kept VALUES (${n})`);
    const killed = database.processId as number;
    process.kill(killed, 'SIGKILL');
    const rows = await eventually(
      () => query<{ n: number }>('SELECT n FROM kept ORDER BY n').catch(() => undefined),
      (found) => found !== undefined,
    );
    expect(rows?.map((row) => row.n)).toEqual(n === 1 ? [1] : [1, 2]);
    expect(database.processId).not.toBe(killed);
  }
});
