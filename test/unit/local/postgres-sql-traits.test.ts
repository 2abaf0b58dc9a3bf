import { describe, expect, test } from 'vitest';
import { NO_TRAITS, sqlTraits, withoutSessionEndingTimeouts } from '../../../infra/local/postgres/sql-traits.ts';

describe('settings', () => {
  test.each([
    'SET work_mem = 1',
    'begin; set session work_mem to 1',
    'RESET work_mem',
    `SELECT set_config('a.b', $1, false)`,
    'SELECT set_config($1, $2, $3)',
    `SELECT set_config('a.b', 'x', true), set_config('c.d', 'y', false)`,
    'SET ROLE other',
    'SET/* why */TIME ZONE 1',
  ])('%s may change them', (sql) => {
    expect(sqlTraits(sql).changesSettings).toBe(true);
  });

  test.each([
    'SELECT 1',
    'UPDATE t SET a = 1',
    'SET LOCAL work_mem = 1',
    'SET TRANSACTION READ ONLY',
    'SET CONSTRAINTS ALL DEFERRED',
    `SELECT set_config('a.b', $1, true)`,
    `SELECT '; SET work_mem = 1'`,
    'CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ SELECT set_config($1, $2, false); $$',
  ])('%s does not', (sql) => {
    expect(sqlTraits(sql).changesSettings).toBe(false);
  });

  test('custom ones are named', () => {
    expect(sqlTraits(`SET my.own = 'x'; SELECT set_config('other.one', 'y', false)`).customSettings).toEqual(
      expect.arrayContaining(['my.own', 'other.one']),
    );
  });
});

test('statements without any of it cost one look', () => {
  expect(sqlTraits('INSERT INTO attempts SELECT template FROM settings')).toBe(NO_TRAITS);
});

test('channels as Postgres folds them', () => {
  expect(sqlTraits('LISTEN One; listen "Two""s"; UNLISTEN three; UNLISTEN *')).toMatchObject({
    listensTo: ['one', 'Two"s'],
    unlistens: ['three', '*'],
  });
});

test.each([
  ['COPY t FROM STDIN', 'text'],
  ['copy t (a, b) from stdin with (format binary)', 'binary'],
  ['COPY BINARY t FROM STDIN', 'binary'],
  ['BEGIN; COPY t FROM STDIN; COMMIT', 'text'],
  ['COPY t TO STDOUT', undefined],
  [`SELECT 'COPY t FROM STDIN'`, undefined],
  ['SELECT 1 -- ; COPY t FROM STDIN', undefined],
])('%s reads from the client: %s', (sql, format) => {
  expect(sqlTraits(sql).copyIn).toBe(format);
});

test.each([
  'SELECT pg_advisory_lock(1)',
  'SELECT pg_try_advisory_lock(1)',
  'CREATE TEMP TABLE t ()',
  'DECLARE c CURSOR WITH HOLD FOR SELECT 1',
])('%s may leave something in the session', (sql) => {
  expect(sqlTraits(sql).mayPin).toBe(true);
});

test('settings that would end the session get a name that does nothing', () => {
  expect(withoutSessionEndingTimeouts(`SET idle_in_transaction_session_timeout = 1; SET statement_timeout = 2`)).toBe(
    'SET local_postgres.idle_in_transaction_session_timeout = 1; SET statement_timeout = 2',
  );
  const once = withoutSessionEndingTimeouts('SHOW transaction_timeout');
  expect(withoutSessionEndingTimeouts(once)).toBe(once);
});
