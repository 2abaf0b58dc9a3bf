import { createHash, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { copy } from './postgres-copy.ts';

/** What a run of mixed queries saw. */
export interface MixedLoadResult {
  readonly queries: number;
  readonly wrong: readonly string[];
}

type Work = (pool: pg.Pool, key: string) => Promise<{ got: unknown; wanted: unknown }>;

const MEGABYTE = 1024 * 1024;

async function inClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}

// Each asks for something only it can have asked for, so that an answer to another's question shows.
const WORKS: readonly Work[] = [
  async (pool, key) => ({ got: (await pool.query(`SELECT '${key}' AS key`)).rows[0].key, wanted: key }),
  async (pool, key) => ({ got: (await pool.query('SELECT $1::text AS key', [key])).rows[0].key, wanted: key }),
  async (pool, key) => {
    const number = key.length;
    const named = { name: 'named statement', text: 'SELECT $1::text || $2::int AS key', values: [key, number] };
    return { got: (await pool.query(named)).rows[0].key, wanted: `${key}${number}` };
  },
  async (pool, key) =>
    inClient(pool, async (client) => {
      await client.query('BEGIN');
      await client.query('INSERT INTO load (key, value) VALUES ($1, 1)', [key]);
      await client.query('UPDATE load SET value = value + 1 WHERE key = $1', [key]);
      const { rows } = await client.query('SELECT value FROM load WHERE key = $1', [key]);
      await client.query(key.endsWith('0') ? 'ROLLBACK' : 'COMMIT');
      return { got: rows[0].value, wanted: 2 };
    }),
  async (pool, key) => {
    const error = await pool.query('SELECT $1::text::int', [key]).catch((caught: pg.DatabaseError) => caught);
    return { got: (error as pg.DatabaseError).message, wanted: `invalid input syntax for type integer: "${key}"` };
  },
  async (pool, key) => {
    const error = await pool.query(`SELECT missing_${key}`).catch((caught: pg.DatabaseError) => caught);
    return { got: (error as pg.DatabaseError).message, wanted: `column "missing_${key}" does not exist` };
  },
  async (pool, key) => {
    const bytes = randomBytes(256 * 1024);
    const { rows } = await pool.query('SELECT $2::text AS key, md5($1::bytea) AS sum', [bytes, key]);
    return { got: [rows[0].key, rows[0].sum], wanted: [key, createHash('md5').update(bytes).digest('hex')] };
  },
  async (pool, key) =>
    inClient(pool, async (client) => {
      const lines = Array.from({ length: 20 }, (_, index) => Buffer.from(`${key}\t${index}\n`));
      await copy(client, 'COPY copied (key, value) FROM STDIN', lines);
      const out = await copy(
        client,
        `COPY (SELECT key, value FROM copied WHERE key = '${key}' ORDER BY value) TO STDOUT`,
      );
      return { got: out.toString(), wanted: Buffer.concat(lines).toString() };
    }),
];

const bigRow: Work = async (pool, key) => {
  const { rows } = await pool.query('SELECT repeat($1, $2) AS big', [key, Math.ceil(MEGABYTE / key.length)]);
  return { got: rows[0].big === key.repeat(Math.ceil(MEGABYTE / key.length)), wanted: true };
};

/** Runs `count` pieces of mixed work through a pool, as many at once as it has connections. */
export async function runMixedLoad(
  url: string,
  name: string,
  count: number,
  connections: number,
): Promise<MixedLoadResult> {
  const pool = new pg.Pool({ connectionString: url, max: connections });
  const wrong: string[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const key = `${name}_${index}`;
      const work = index % 50 === 49 ? bigRow : (WORKS[index % WORKS.length] as Work);
      const { got, wanted } = await work(pool, key).catch((error: Error) => ({ got: `${error}`, wanted: 'no error' }));
      if (JSON.stringify(got) !== JSON.stringify(wanted)) wrong.push(`${key}: ${JSON.stringify(got)?.slice(0, 200)}`);
    }
  };
  // Two lanes a connection: the pool's own queue is in use too.
  await Promise.all(Array.from({ length: connections * 2 }, lane));
  await pool.end();
  return { queries: count, wrong };
}

// Run as a process of its own: url, name, count, connections.
if (process.argv[1] === fileURLToPath(import.meta.url) && process.send) {
  const [url, name, count, connections] = process.argv.slice(2) as [string, string, string, string];
  process.send(await runMixedLoad(url, name, Number(count), Number(connections)));
  process.disconnect();
}
