import { readFileSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { pg_stat_statements } from '@electric-sql/pglite/contrib/pg_stat_statements';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const migrations = ['0050-slow-statements', '0068-no-passwords-in-slow-statements'].map((name) =>
  readFileSync(new URL(`../../shared/migrations/${name}.sql`, import.meta.url), 'utf8'),
);

/** On an engine of its own: the ones that tests share count no statements. */
describe('slow statements', () => {
  let engine: PGlite;
  beforeAll(async () => {
    engine = await PGlite.create({ extensions: { pg_stat_statements } });
    await engine.exec(`CREATE SCHEMA dbrag; ${migrations.join('\n')}`);
  });
  afterAll(() => engine?.close());

  it('are told only where the server counts them', async () => {
    await expect(engine.query('SELECT * FROM dbrag.slow_statements')).rejects.toMatchObject({ code: '55000' });
  });

  it('are those that took longest in sum, without their values', async () => {
    await engine.exec('CREATE EXTENSION pg_stat_statements WITH SCHEMA public');
    await engine.query('SELECT count(*) FROM generate_series(1, $1::int) AS long', [200_000]);
    await engine.query('SELECT 42 AS short');
    const { rows } = await engine.query<{ statement: string; calls: number; role: string; rows_per_call: string }>(
      'SELECT * FROM dbrag.slow_statements',
    );
    const place = (word: string) => rows.findIndex(({ statement }) => statement.includes(word));
    expect(rows[place('AS long')]).toMatchObject({ calls: 1, role: 'postgres', rows_per_call: '1.0' });
    expect(place('AS short')).toBeGreaterThan(place('AS long'));
    expect(rows[place('AS short')]?.statement).not.toContain('42');
  });

  it('are not those with a password, whose text Postgres keeps as it was typed', async () => {
    await engine.exec(`CREATE ROLE somebody; ALTER ROLE somebody pAsSwOrD 'hunter2'`);
    const kept = await engine.query("SELECT query FROM pg_stat_statements WHERE query LIKE '%hunter2%'");
    expect(kept.rows.length).toBeGreaterThan(0);
    const { rows } = await engine.query<{ statement: string }>('SELECT statement FROM dbrag.slow_statements');
    expect(rows.some(({ statement }) => statement.includes('CREATE ROLE somebody'))).toBe(true);
    expect(rows.filter(({ statement }) => statement.includes('hunter2'))).toEqual([]);
  });
});
