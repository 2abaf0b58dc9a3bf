import { once } from 'node:events';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServedDatabase, serveDatabase } from '../../support/postgres-served.ts';

let database: ServedDatabase;
const IDLE = 400;

beforeAll(async () => {
  database = await serveDatabase(
    `CREATE ROLE application LOGIN PASSWORD 'app';
     CREATE ROLE auditor LOGIN PASSWORD 'audit';
     GRANT application TO auditor;
     CREATE TABLE notes (tenant text NOT NULL, body text NOT NULL);
     ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
     ALTER TABLE notes FORCE ROW LEVEL SECURITY;
     CREATE POLICY own ON notes TO application USING (tenant = nullif(current_setting('app.tenant', true), ''));
     CREATE POLICY everything ON notes FOR SELECT TO auditor USING (true);
     GRANT SELECT, INSERT ON notes TO application;
     GRANT SELECT ON notes TO auditor;
     CREATE TABLE counter (n int);
     INSERT INTO counter VALUES (0);
     GRANT ALL ON counter TO application`,
    { idleInTransactionTimeout: IDLE },
  );
});
afterAll(() => database?.close());

const application = () => database.client(database.url('application', 'app'));
const counted = async (client: pg.Client) => (await client.query('SELECT n FROM counter')).rows[0].n as number;

describe('row security', () => {
  test('with a transaction-local tenant, two users and a pool in turn', async () => {
    const pool = new pg.Pool({ connectionString: database.url('application', 'app'), max: 4 });
    const auditor = await database.client(database.url('auditor', 'audit'));
    const asTenant = async (tenant: string): Promise<string[]> => {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        await client.query(`SELECT set_config('app.tenant', $1, true)`, [tenant]);
        await client.query('INSERT INTO notes VALUES ($1, $2)', [tenant, `note of ${tenant}`]);
        const { rows } = await client.query('SELECT DISTINCT tenant FROM notes');
        await client.query('COMMIT');
        return rows.map((row) => row.tenant);
      } finally {
        client.release();
      }
    };
    const tenants = Array.from({ length: 60 }, (_, index) => `tenant ${index % 7}`);
    const seen = await Promise.all(
      tenants.map(async (tenant, index) => {
        if (index % 3 === 0) expect((await auditor.query('SELECT current_user AS u')).rows[0].u).toBe('auditor');
        return await asTenant(tenant);
      }),
    );
    expect(seen).toEqual(tenants.map((tenant) => [tenant]));
    expect((await pool.query('SELECT count(*)::int AS n FROM notes')).rows).toEqual([{ n: 0 }]);
    expect((await auditor.query('SELECT count(*)::int AS n FROM notes')).rows).toEqual([{ n: 60 }]);
    await pool.end();
  });

  test.each([
    'SET SESSION AUTHORIZATION postgres',
    'RESET SESSION AUTHORIZATION',
    `SELECT set_config('session_authorization', 'postgres', false)`,
  ])('no way out for an ordinary role: %s', async (sql) => {
    const client = await application();
    await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
    expect((await client.query('SELECT session_user AS u')).rows).toEqual([{ u: 'application' }]);
  });
});

describe('settings', () => {
  test('stay with the connection that set them', async () => {
    const [one, two] = [await application(), await application()];
    const read = async (client: pg.Client) =>
      (
        await client.query(
          `SELECT current_setting('work_mem') AS memory, nullif(current_setting('my.own', true), '') AS own, current_setting('search_path') AS path`,
        )
      ).rows[0];
    const initial = await read(two);
    await one.query(`SET work_mem = '9MB'; SET search_path = public, pg_catalog`);
    await one.query('SELECT set_config($1, $2, false)', ['my.own', 'a value']);
    for (let round = 0; round < 3; round += 1) {
      expect(await read(two)).toEqual(initial);
      expect(await read(one)).toEqual({ memory: '9MB', own: 'a value', path: 'public, pg_catalog' });
    }
    await one.query('RESET ALL');
    expect(await read(one)).toEqual(initial);
    expect(initial).toMatchObject({ own: null, path: '"$user", public' });
  });

  test('the role of SET ROLE too', async () => {
    const [auditor, other] = [await database.client(database.url('auditor', 'audit')), await application()];
    await auditor.query('SET ROLE application');
    expect((await other.query('SELECT current_user AS u')).rows).toEqual([{ u: 'application' }]);
    expect((await auditor.query('SELECT current_user AS u, session_user AS s')).rows).toEqual([
      { u: 'application', s: 'auditor' },
    ]);
    await auditor.query('RESET ROLE');
    await other.query('SELECT 1');
    expect((await auditor.query('SELECT current_user AS u')).rows).toEqual([{ u: 'auditor' }]);
  });

  test('a rolled back SET is not carried on', async () => {
    const [one, two] = [await application(), await application()];
    await one.query(`BEGIN; SET work_mem = '11MB'`);
    await one.query('ROLLBACK');
    await two.query('SELECT 1');
    expect((await one.query('SHOW work_mem')).rows).toEqual([{ work_mem: '4MB' }]);
  });

  test('the superuser may become another for the session', async () => {
    const [admin, other] = [await database.client(), await database.client()];
    await admin.query('SET SESSION AUTHORIZATION application');
    expect((await other.query('SELECT session_user AS u')).rows).toEqual([{ u: 'postgres' }]);
    expect((await admin.query('SELECT session_user AS u')).rows).toEqual([{ u: 'application' }]);
  });
});

describe('a transaction', () => {
  test('keeps others waiting and is theirs to see only when it ends', async () => {
    const [one, two] = [await application(), await application()];
    const before = await counted(one);
    await one.query('BEGIN');
    await one.query('UPDATE counter SET n = n + 1');
    const seen = counted(two);
    await one.query('UPDATE counter SET n = n + 1');
    await one.query('COMMIT');
    expect(await seen).toBe(before + 2);
  });

  test('of a client that goes away is rolled back', async () => {
    const [one, two] = [await application(), await application()];
    const before = await counted(two);
    await one.query('BEGIN');
    await one.query('UPDATE counter SET n = n + 100');
    const seen = counted(two);
    (one as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    expect(await seen).toBe(before);
  });

  test('that failed and was left is rolled back too', async () => {
    const [one, two] = [await application(), await application()];
    await one.query('BEGIN');
    await expect(one.query('SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
    await expect(one.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    const waiting = two.query('SELECT 1 AS a');
    await one.end();
    expect((await waiting).rows).toEqual([{ a: 1 }]);
  });

  test('that idles for too long is rolled back, its client told 25P03, and others go on', async () => {
    const [one, two] = [await application(), await application()];
    const before = await counted(two);
    const ended = once(one, 'error');
    await one.query('BEGIN');
    await one.query('UPDATE counter SET n = n + 1');
    const started = performance.now();
    expect(await counted(two)).toBe(before);
    expect(performance.now() - started).toBeGreaterThan(IDLE / 2);
    expect(await ended).toMatchObject([{ code: '25P03' }]);
    expect(database.log.join()).toContain('idle in a transaction');
  });

  test.each(['idle_in_transaction_session_timeout', 'transaction_timeout', 'idle_session_timeout'])(
    'SET %s ends nobody’s session but can be read back',
    async (name) => {
      const [one, two] = [await application(), await application()];
      await one.query(`SET ${name} = '30ms'`);
      await one.query('BEGIN');
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect((await one.query(`SELECT current_setting('${name}') AS value`)).rows).toEqual([{ value: '30ms' }]);
      await one.query('COMMIT');
      expect((await two.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }]);
    },
  );
});

describe('what only one session can hold', () => {
  test('a session-level advisory lock keeps others out until it is given back', async () => {
    const [one, two] = [await application(), await application()];
    const order: string[] = [];
    await one.query('SELECT pg_advisory_lock(7)');
    const second = two.query('SELECT pg_advisory_lock(7)').then(() => order.push('two'));
    await one.query('SELECT 1');
    order.push('one');
    await one.query('SELECT pg_advisory_unlock(7)');
    await second;
    expect(order).toEqual(['one', 'two']);
    await two.end();
    expect((await one.query('SELECT pg_try_advisory_lock(7) AS got')).rows).toEqual([{ got: true }]);
    await one.end();
  });

  test('a temporary table is gone with its connection', async () => {
    const [one, two] = [await database.client(), await database.client()];
    await one.query('CREATE TEMP TABLE scratch AS SELECT 1 AS a');
    const other = two.query(`SELECT to_regclass('scratch') AS found`);
    expect((await one.query('SELECT a FROM scratch')).rows).toEqual([{ a: 1 }]);
    await one.end();
    expect((await other).rows).toEqual([{ found: null }]);
  });
});

describe('a client that breaks the protocol', () => {
  const broken = async (bytes: Buffer): Promise<string | undefined> => {
    const client = await application();
    const ended = once(client, 'error');
    (client as unknown as { connection: { stream: { write(bytes: Buffer): void } } }).connection.stream.write(bytes);
    return ((await ended)[0] as pg.DatabaseError).code;
  };

  test.each([
    ['an unknown message', Buffer.from('?\0\0\0\x04')],
    ['a length that cannot be', Buffer.from([0x51, 0, 0, 0, 1])],
    ['a length of 2 GB', Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff])],
    ['a password after the login', Buffer.from('p\0\0\0\x05\0')],
  ])('%s ends its own connection only', async (_name, bytes) => {
    expect(await broken(bytes)).toBe('08P01');
    expect((await (await application()).query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }]);
  });

  test('half a message, then gone', async () => {
    const client = await application();
    const { stream } = (
      client as unknown as { connection: { stream: { write(bytes: Buffer): void; destroy(): void } } }
    ).connection;
    stream.write(Buffer.from('Q\0\0\0\x40SELECT'));
    stream.destroy();
    expect((await (await application()).query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }]);
  });

  test('a Bind without its values, a Parse without its end', async () => {
    const { stream } = ((await application()) as unknown as { connection: { stream: { write(bytes: Buffer): void } } })
      .connection;
    const sync = Buffer.from('S\0\0\0\x04');
    stream.write(Buffer.concat([Buffer.from('B\0\0\0\x06\0\0'), sync]));
    stream.write(Buffer.concat([Buffer.from('P\0\0\0\x07abc'), sync]));
    stream.write(
      Buffer.concat([Buffer.from('D\0\0\0\x04'), Buffer.from('C\0\0\0\x04'), Buffer.from('E\0\0\0\x04'), sync]),
    );
    expect((await (await application()).query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }]);
  });
});
