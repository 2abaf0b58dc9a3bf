import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copy, copyExtended, sendPart } from '../../support/postgres-copy.ts';
import { type ServedDatabase, serveDatabase } from '../../support/postgres-served.ts';

let database: ServedDatabase;
let one: pg.Client;
let two: pg.Client;

beforeAll(async () => {
  database = await serveDatabase(`
    CREATE EXTENSION vector;
    CREATE TABLE items (id int PRIMARY KEY, name text, embedding halfvec(4))`);
  [one, two] = [await database.client(), await database.client()];
});
afterAll(() => database?.close());

const failure = (work: Promise<unknown>): Promise<pg.DatabaseError> =>
  work.then(
    () => Promise.reject(new Error('it should have failed')),
    (error) => error,
  );

describe('statements', () => {
  test('the same name means each connection its own statement', async () => {
    const name = 'find';
    const query = (client: pg.Client, text: string) => client.query({ name, text, rowMode: 'array', values: [1] });
    for (let round = 0; round < 3; round += 1) {
      expect((await query(one, 'SELECT $1::int + 10')).rows).toEqual([[11]]);
      expect((await query(two, `SELECT 'two', $1::int`)).rows).toEqual([['two', 1]]);
    }
  });

  test('names that differ only after 63 bytes do not clash', async () => {
    const long = 'n'.repeat(63);
    expect((await one.query({ name: long, text: 'SELECT 1 AS a' })).rows).toEqual([{ a: 1 }]);
    expect((await two.query({ name: long, text: 'SELECT 2 AS a' })).rows).toEqual([{ a: 2 }]);
  });

  test('are gone with their connection', async () => {
    const before = await one.query('SELECT count(*)::int AS n FROM pg_prepared_statements');
    const client = await database.client();
    await client.query({ name: 'mine', text: 'SELECT 1' });
    await client.end();
    await expect
      .poll(async () => (await one.query('SELECT count(*)::int AS n FROM pg_prepared_statements')).rows)
      .toEqual(before.rows);
  });

  test('an error leaves the connection ready for the next query', async () => {
    expect((await failure(one.query('SELEC 1'))).code).toBe('42601');
    expect((await failure(one.query('SELECT $1::int', ['x']))).code).toBe('22P02');
    expect((await failure(one.query({ name: 'wrong', text: 'SELECT missing' }))).code).toBe('42703');
    expect((await one.query({ name: 'wrong', text: 'SELECT 5 AS a' })).rows).toEqual([{ a: 5 }]);
  });

  test('several in one simple query, and one without any', async () => {
    const results = (await one.query('SELECT 1 AS a; SELECT 2 AS b')) as unknown as pg.QueryResult[];
    expect(results.map((result) => result.rows)).toEqual([[{ a: 1 }], [{ b: 2 }]]);
    expect((await one.query('')).rows).toEqual([]);
  });

  test('rows in portions, while others want the session', async () => {
    const portions = new pg.Query({ text: 'SELECT generate_series(1, 7) AS n', rows: 2 } as never) as never as pg.Query;
    const rows: unknown[] = [];
    portions.on('row', (row) => rows.push(row.n));
    const end = new Promise((resolve, reject) => portions.once('end', resolve).once('error', reject));
    one.query(portions as never);
    const [, other] = await Promise.all([end, two.query('SELECT 8 AS n')]);
    expect(rows).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(other.rows).toEqual([{ n: 8 }]);
  });

  test('the unnamed statement outlasts the turns of others', async () => {
    await sendPart(one, (connection) => connection.parse({ text: `SELECT 'of one'` }));
    await two.query(`SELECT $1::text`, ['of two']);
    const rows = await sendPart(one, (connection) => {
      connection.bind({});
      connection.execute({});
    });
    expect(rows).toEqual(['of one']);
  });

  test('those that would drop what others have prepared are refused', async () => {
    expect((await failure(one.query('DISCARD ALL'))).code).toBe('0A000');
    expect((await failure(one.query('DEALLOCATE ALL'))).code).toBe('0A000');
  });
});

describe('values', () => {
  test('binary parameters and results', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    const client = await database.client({ connectionString: database.adminUrl, binary: true } as pg.ClientConfig);
    const { rows } = await client.query('SELECT md5($1::bytea) AS sum, $2::int4 AS number, now() AS time', [bytes, 7]);
    expect(rows).toEqual([{ sum: createHash('md5').update(bytes).digest('hex'), number: 7, time: expect.any(Date) }]);
  });

  test('halfvec as text and as binary, and a search by distance', async () => {
    await one.query(`INSERT INTO items VALUES (1, 'a', '[1,0,0,0]')`);
    const embedding = Buffer.from([0, 4, 0, 0, 0x00, 0x00, 0x3c, 0x00, 0, 0, 0, 0]); // [0,1,0,0] in half precision
    await one.query('INSERT INTO items VALUES (2, $1, $2)', ['b', embedding]);
    const { rows } = await two.query(`SELECT id, embedding FROM items ORDER BY embedding <=> '[0,0.9,0.1,0]'`);
    expect(rows).toEqual([
      { id: 2, embedding: '[0,1,0,0]' },
      { id: 1, embedding: '[1,0,0,0]' },
    ]);
  });

  test('8 MB in and out', async () => {
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'dbrag');
    const { rows } = await one.query('SELECT $1::bytea AS bytes', [bytes]);
    expect(Buffer.compare(rows[0].bytes, bytes)).toBe(0);
  });
});

describe('COPY', () => {
  test('from the client and back', async () => {
    await one.query('CREATE TABLE copied (id int, name text)');
    await copy(one, 'COPY copied FROM STDIN', [Buffer.from('1\to'), Buffer.from('ne\n2\ttwo\n')]);
    expect(`${await copy(two, 'COPY copied TO STDOUT')}`).toBe('1\tone\n2\ttwo\n');
  });

  test('binary, inside a transaction that is rolled back', async () => {
    const binary = await copy(one, 'COPY copied TO STDOUT (FORMAT binary)');
    await one.query('BEGIN');
    await copy(one, 'COPY copied FROM STDIN (FORMAT binary)', [binary]);
    expect((await one.query('SELECT count(*)::int AS n FROM copied')).rows).toEqual([{ n: 4 }]);
    await one.query('ROLLBACK');
    expect((await two.query('SELECT count(*)::int AS n FROM copied')).rows).toEqual([{ n: 2 }]);
  });

  test('by the extended protocol', async () => {
    await copyExtended(one, 'COPY copied FROM STDIN', [Buffer.from('3\tthree\n')]);
    expect((await two.query('DELETE FROM copied WHERE id = 3 RETURNING name')).rows).toEqual([{ name: 'three' }]);
    const wrong = copyExtended(one, 'COPY copied FROM STDIN', [Buffer.from('x\n')]);
    expect((await failure(wrong)).code).toBe('22P02');
    expect((await one.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }]);
  });

  test('from and to a program is refused', async () => {
    expect((await failure(one.query(`COPY copied TO PROGRAM 'cat'`))).code).toBeDefined();
    expect((await two.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }]);
  });

  test('wrong rows and a missing table are errors, and the connection goes on', async () => {
    expect((await failure(copy(one, 'COPY copied FROM STDIN', [Buffer.from('x\ty\n')]))).code).toBe('22P02');
    expect((await failure(copy(one, 'COPY missing FROM STDIN', [Buffer.from('1\n')]))).code).toBe('42P01');
    expect((await one.query('SELECT count(*)::int AS n FROM copied')).rows).toEqual([{ n: 2 }]);
  });

  test('the words in a literal or comment are not a COPY', async () => {
    const { rows } = await one.query(`SELECT '; COPY t FROM STDIN' AS text -- ; COPY t FROM STDIN`);
    expect(rows).toEqual([{ text: '; COPY t FROM STDIN' }]);
  });
});

describe('NOTIFY', () => {
  test('reaches whoever listens, from whoever sends, and nobody else', async () => {
    const [listener, other, sender] = [await database.client(), await database.client(), await database.client()];
    const heard: string[] = [];
    for (const [name, client] of [
      ['listener', listener],
      ['other', other],
      ['sender', sender],
    ] as const) {
      client.on('notification', ({ channel, payload }) => heard.push(`${name} ${channel} ${payload}`));
    }
    await listener.query('LISTEN news; LISTEN "More News"');
    await other.query('LISTEN news');
    await other.query('BEGIN');
    await other.query('LISTEN forgotten');
    await other.query('ROLLBACK');
    await sender.query(`SELECT pg_notify('More News', 'one')`);
    await sender.query(`NOTIFY forgotten, 'two'`);
    await other.query('UNLISTEN *');
    await sender.query('BEGIN');
    await sender.query(`NOTIFY news, 'three'`);
    await sender.query('COMMIT');
    await sender.query(`NOTIFY "More News", 'four'`);
    await expect
      .poll(() => heard)
      .toEqual(['listener More News one', 'listener news three', 'listener More News four']);
    await listener.end();
    await expect.poll(async () => (await sender.query('SELECT pg_listening_channels()')).rows).toEqual([]);
  });
});

test('a pool of 10 does 2,000 queries, each with its own answer', async () => {
  const pool = new pg.Pool({ connectionString: database.adminUrl, max: 10 });
  const numbers = Array.from({ length: 2000 }, (_, index) => index);
  const answers = await Promise.all(numbers.map((number) => pool.query('SELECT $1::int AS n', [number])));
  expect(answers.map(({ rows }) => rows[0].n)).toEqual(numbers);
  await pool.end();
});
