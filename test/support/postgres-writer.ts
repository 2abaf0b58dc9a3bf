// A process that starts the local Postgres on a directory and inserts numbers as fast as it can, reporting each one
// that was acknowledged. It is there to be killed.
import { appendFileSync } from 'node:fs';
import pg from 'pg';
import { startPostgres } from '../../infra/local/postgres/start-postgres.ts';

const [dataDirectory, acknowledged, first] = process.argv.slice(2) as [string, string, string];
const postgres = await startPostgres({ dataDirectory, superuserPassword: 'secret', log: console.error });
const pool = new pg.Pool({ connectionString: postgres.adminUrl, max: 4 });
pool.on('error', () => undefined); // the kill
await pool.query('CREATE TABLE IF NOT EXISTS written (n int PRIMARY KEY, filler text)');
process.send?.({ pid: postgres.pid });
let next = Number(first);
const lane = async (): Promise<void> => {
  for (;;) {
    const n = next++;
    await pool.query('INSERT INTO written VALUES ($1, repeat($2, 500))', [n, 'x']);
    appendFileSync(acknowledged, `${n}\n`);
  }
};
await Promise.all([lane(), lane(), lane(), lane()]).catch(() => process.exit(0));
