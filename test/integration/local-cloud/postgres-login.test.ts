import { once } from 'node:events';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServedDatabase, serveDatabase } from '../../support/postgres-served.ts';

let database: ServedDatabase;

beforeAll(async () => {
  database = await serveDatabase(`
    CREATE ROLE reader LOGIN PASSWORD 'reads';
    CREATE ROLE guest NOLOGIN PASSWORD 'stays out';
    CREATE ROLE former LOGIN PASSWORD 'was here' VALID UNTIL '2020-01-01';
    CREATE ROLE nameless LOGIN;
    CREATE ROLE tuned LOGIN PASSWORD 'tunes';
    ALTER ROLE tuned SET work_mem = '7MB';
    ALTER ROLE tuned SET idle_in_transaction_session_timeout = '1s';`);
});
afterAll(() => database?.close());

const code = (config: string | pg.ClientConfig): Promise<string | undefined> =>
  database.client(config).then(
    () => undefined,
    (error: pg.DatabaseError) => error.code,
  );

describe('a login', () => {
  test('succeeds with the password that SQL gave the role', async () => {
    const client = await database.client(database.url('reader', 'reads'));
    const { rows } = await client.query('SELECT current_user, session_user, current_setting($1) AS superuser', [
      'is_superuser',
    ]);
    expect(rows).toEqual([{ current_user: 'reader', session_user: 'reader', superuser: 'off' }]);
  });

  test('follows a changed password', async () => {
    const admin = await database.client();
    await admin.query(`CREATE ROLE mover LOGIN PASSWORD 'one'`);
    expect(await code(database.url('mover', 'one'))).toBeUndefined();
    await admin.query(`ALTER ROLE mover PASSWORD 'two'`);
    expect(await code(database.url('mover', 'one'))).toBe('28P01');
    expect(await code(database.url('mover', 'two'))).toBeUndefined();
  });

  test.each([
    ['a wrong password', () => database.url('reader', 'guesses'), '28P01'],
    ['an unknown role', () => database.url('nobody', 'reads'), '28P01'],
    ['a role without a password', () => database.url('nameless', 'reads'), '28P01'],
    ['an expired password', () => database.url('former', 'was here'), '28P01'],
    ['a role without LOGIN', () => database.url('guest', 'stays out'), '28000'],
    ['an unknown database', () => database.url('reader', 'reads', 'elsewhere'), '3D000'],
  ])('fails for %s', async (_name, url, expected) => {
    expect(await code(url())).toBe(expected);
  });

  test('fails when a start-up setting is wrong, and breaks nobody', async () => {
    expect(await code({ connectionString: database.adminUrl, options: '-c no_such_setting=1' })).toBe('42704');
    expect(await code(database.adminUrl)).toBeUndefined();
  });

  test('answers under both names of the database', async () => {
    expect(await code(database.url('reader', 'reads', 'postgres'))).toBeUndefined();
    expect(await code(database.url('reader', 'reads', 'dbrag'))).toBeUndefined();
  });

  test('brings the settings of the start-up packet, its options and the role', async () => {
    const client = await database.client({
      connectionString: database.url('tuned', 'tunes'),
      application_name: 'the test',
      statement_timeout: 4321,
      idle_in_transaction_session_timeout: 50_000,
      options: '-c search_path=pg_temp,public --enable-seqscan=off',
    });
    const { rows } = await client.query(
      `SELECT name, setting FROM pg_settings
       WHERE name IN ('application_name', 'statement_timeout', 'work_mem', 'search_path', 'enable_seqscan',
                      'idle_in' || '_transaction_session_timeout')`,
    );
    expect(Object.fromEntries(rows.map((row) => [row.name, row.setting]))).toEqual({
      application_name: 'the test',
      statement_timeout: '4321',
      work_mem: '7168',
      search_path: 'pg_temp,public',
      enable_seqscan: 'off',
      idle_in_transaction_session_timeout: '0',
    });
    const other = await database.client();
    expect((await other.query('SHOW search_path')).rows).toEqual([{ search_path: '"$user", public' }]);
  });
});

describe('the first bytes of a connection', () => {
  const packet = (...words: number[]): Buffer => {
    const bytes = Buffer.alloc(4 + words.length * 4);
    bytes.writeInt32BE(bytes.length, 0);
    for (const [index, word] of words.entries()) bytes.writeInt32BE(word, 4 + index * 4);
    return bytes;
  };

  test('SSLRequest and GSSENCRequest are answered with N', async () => {
    const socket = await database.socket();
    for (const request of [80_877_103, 80_877_104]) {
      socket.write(packet(request));
      const [answer] = await once(socket, 'data');
      expect(`${answer}`).toBe('N');
    }
  });

  test('CancelRequest is taken and the connection closed without a word', async () => {
    const socket = await database.socket();
    socket.write(packet(80_877_102, 1, 2));
    socket.resume();
    await once(socket, 'end');
    expect(socket.bytesRead).toBe(0);
  });

  test.each([
    ['another protocol', 'GET / HTTP/1.1\r\nHost: here\r\n\r\n'],
    ['a length below the least', Buffer.from([0, 0, 0, 3, 1, 2, 3, 4])],
    ['protocol 2.0', packet(2 << 16)],
    ['no user', packet(3 << 16, 0)],
  ])('%s gets a FATAL error and harms nobody', async (_name, bytes) => {
    const socket = await database.socket();
    socket.write(bytes);
    const [answer] = await once(socket, 'data');
    expect(`${answer}`).toMatch(/^E/);
    expect(`${answer}`).toContain('SFATAL');
    expect(await code(database.url('reader', 'reads'))).toBeUndefined();
  });

  test('half a packet and then nothing harms nobody', async () => {
    const socket = await database.socket();
    socket.write(Buffer.from([0, 0, 0, 60, 0, 3]));
    expect(await code(database.url('reader', 'reads'))).toBeUndefined();
    socket.destroy();
    expect(await code(database.url('reader', 'reads'))).toBeUndefined();
  });
});
