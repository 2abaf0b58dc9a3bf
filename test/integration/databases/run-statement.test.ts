import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresCustomerDatabases } from '../../../shared/adapters/postgres/customer-databases.ts';
import { CustomerStatement } from '../../../shared/adapters/postgres/customer-statement.ts';
import { newUuid } from '../../../shared/core/ids.ts';
import { answerRequest } from '../../../shared/databases/answer-request.ts';
import { DatabaseClient } from '../../../shared/databases/ask-database.ts';
import { checkStatement } from '../../../shared/databases/firewall/check-statement.ts';
import type { Target } from '../../../shared/databases/query-database.message.ts';
import { runStatement, type StatementRequest, type StatementResult } from '../../../shared/databases/run-statement.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { honest } from '../../support/firewall/honest.ts';
import { shop, shopSchema } from '../../support/firewall/shop.ts';

const limits = { rows: 1_000, bytes: 4 * 1024 * 1024, cost: 1e7, milliseconds: 20_000 };

describe('a statement against a database that is not ours', () => {
  let database: TestDatabase;
  const clients: pg.Client[] = [];

  beforeAll(async () => {
    database = await createTestDatabase({ empty: true });
    await database.admin.query(shopSchema);
  });
  afterAll(async () => {
    for (const client of clients) await client.end().catch(() => {});
    await database?.close();
  });

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: database.adminUrl });
    client.on('error', () => {});
    clients.push(client);
    await client.connect();
    return client;
  }

  async function run(statement: string, more: Partial<StatementRequest> = {}): Promise<StatementResult> {
    const client = await connect();
    try {
      return await runStatement(new CustomerStatement(client), {
        statement,
        allowed: shop,
        limits,
        deadline: Date.now() + 30_000,
        ...more,
      });
    } finally {
      new CustomerStatement(client).destroy();
    }
  }

  it('runs honest questions as they were asked', async () => {
    const client = await connect();
    await client.query('SET search_path = shop, archive');
    // All of them where there is a server for it; `npm run test:firewall` runs them too.
    const asked = Object.values(honest).flat();
    for (const sql of database.native ? asked : asked.filter((_, at) => at % 6 === 0)) {
      const decision = await checkStatement(sql, shop);
      if (!decision.accepted) throw new Error(`${sql} was refused: ${decision.detail}`);
      const { rows } = await runStatement(new CustomerStatement(client), {
        statement: sql,
        allowed: shop,
        limits,
        deadline: Date.now() + 30_000,
      });
      const plain = await client.query({ text: sql.replace(/^```(sql)?\n|\n```$/g, ''), rowMode: 'array' });
      expect(rows.length, sql).toBe(plain.rows.length);
    }
  });

  it('says what is in it as JSON', async () => {
    const told =
      await run(`SELECT count(*) AS n, 1.50 AS price, 'NaN'::float8 AS nan, '-infinity'::date AS ever, ARRAY[1, NULL] AS list,
      '{"a": 1e400}'::jsonb AS json, decode('ff00', 'hex') AS bytes, interval '1 day 2 hours' AS took, timestamptz '2026-01-01 12:00+02' AS at,
      10::numeric ^ 400 > 1 AS huge, NULL AS nothing FROM orders`);
    expect(told.columns).toEqual([
      'n',
      'price',
      'nan',
      'ever',
      'list',
      'json',
      'bytes',
      'took',
      'at',
      'huge',
      'nothing',
    ]);
    const [row] = told.rows;
    expect(row?.slice(0, 5)).toEqual(['200', '1.50', 'NaN', '-infinity', [1, null]]);
    expect(row?.[5]).toEqual({ a: `1${'0'.repeat(400)}` });
    expect(row?.slice(6)).toEqual(['\\xff00', '1 day 02:00:00', '2026-01-01 10:00:00+00', true, null]);
    expect(told.truncated).toBe(false);
  });

  it('names the columns of no rows', async () => {
    expect(await run('SELECT id, total FROM orders WHERE false')).toMatchObject({ columns: ['id', 'total'], rows: [] });
  });

  it('gives as many rows as are wanted, and says that there are more', async () => {
    const told = await run('SELECT id FROM orders ORDER BY id', { limits: { ...limits, rows: 3 } });
    expect(told).toMatchObject({ rows: [[1], [2], [3]], truncated: true });
    expect(
      await run('SELECT id FROM orders WHERE id < 4 ORDER BY id', { limits: { ...limits, rows: 3 } }),
    ).toMatchObject({
      truncated: false,
    });
  });

  it('stops receiving when there are more bytes than an answer holds', async () => {
    const small = { ...limits, bytes: 100_000 };
    const told = await run("SELECT repeat('x', 1000) FROM generate_series(1, 5000)", {
      limits: { ...small, rows: 5_000 },
    });
    expect(told.truncated).toBe(true);
    expect(told.rows.length).toBeGreaterThan(10);
    expect(told.rows.length).toBeLessThanOrEqual(100);
    await expect(
      run("SELECT string_agg(repeat('x', 1000), '') FROM generate_series(1, 5000)", { limits: small }),
    ).rejects.toMatchObject({
      code: 'sql_rejected',
      message: expect.stringContaining('larger than an answer'),
    });
  });

  it('refuses what the firewall refuses, whoever checked before', async () => {
    await expect(run('DELETE FROM orders')).rejects.toMatchObject({ code: 'sql_rejected', message: /select_only/ });
    await expect(run('SELECT * FROM shop.secrets')).rejects.toMatchObject({ code: 'sql_rejected', message: /"table"/ });
  });

  it('refuses what costs more than the stage allows', async () => {
    const cheap = { ...limits, cost: 100 };
    await expect(run('SELECT count(*) FROM orders a, orders b, orders c', { limits: cheap })).rejects.toMatchObject({
      code: 'sql_rejected',
      message: expect.stringContaining('narrow it down'),
    });
  });

  it("passes on the database's words for a fault of the statement", async () => {
    await expect(run('SELECT nothing_like_it FROM orders')).rejects.toMatchObject({
      code: 'sql_rejected',
      message: expect.stringContaining('column "nothing_like_it" does not exist'),
    });
    await expect(run('SELECT 1 / (id - 1) FROM orders ORDER BY id')).rejects.toMatchObject({
      message: expect.stringContaining('division by zero'),
    });
  });

  it('tells without rows what may quote one', async () => {
    await database.admin.query("INSERT INTO shop.categories VALUES (900, NULL, 'CANARY of a row')");
    await expect(run('SELECT name::int FROM categories WHERE id = 900')).rejects.toMatchObject({
      message: expect.stringContaining('CANARY of a row'),
      withoutRows: expect.stringMatching(/SQLSTATE 22P02(?!.*CANARY)/),
    });
    await expect(run('SELECT nothing_like_it FROM orders')).rejects.toMatchObject({
      withoutRows: expect.stringContaining('column "nothing_like_it" does not exist'),
    });
  });

  it('does not call what the database has put in the place of a built-in', async () => {
    await database.admin.query(
      'CREATE FUNCTION shop.upper(int) RETURNS text LANGUAGE sql AS $$ SELECT nextval($1::text) $$'.replace(
        'nextval($1::text)',
        "'taken'",
      ),
    );
    try {
      await expect(run('SELECT upper(id) FROM orders')).rejects.toMatchObject({
        code: 'sql_rejected',
        message: /"upper" of its own/,
      });
    } finally {
      await database.admin.query('DROP FUNCTION shop.upper(int)');
    }
  });

  it('cannot write even if all before it failed', async () => {
    const client = await connect();
    const statement = new CustomerStatement(client);
    await statement.query('BEGIN READ ONLY', [], 5_000);
    await statement.query('SELECT 1', [], 5_000);
    await expect(statement.query('SET TRANSACTION READ WRITE', [], 5_000)).rejects.toMatchObject({ state: '25001' });
    await statement.query('ROLLBACK', [], 5_000);
    await expect(statement.query('SELECT 1; SELECT 2', [], 5_000)).rejects.toMatchObject({ state: '42601' });
  });

  it('has no time left for a caller who has left', async () => {
    await expect(run('SELECT 1', { deadline: Date.now() - 1 })).rejects.toMatchObject({ code: 'sql_timeout' });
    await expect(run('SELECT 1', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'sql_timeout' });
  });

  it.runIf(process.env.LOCAL_DATABASE_URL)(
    'ends at its time limit, and when its caller leaves, on the server too',
    async () => {
      const slow = 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b';
      const patient = { ...limits, cost: 1e30 };
      await expect(run(slow, { limits: { ...patient, milliseconds: 300 } })).rejects.toMatchObject({
        code: 'sql_timeout',
      });
      await expect(run(slow, { limits: patient, signal: AbortSignal.timeout(500) })).rejects.toMatchObject({
        code: 'sql_timeout',
      });
      await expect
        .poll(
          async () => {
            const sql =
              "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 1000000) b%' AND pid <> pg_backend_pid()";
            return (await database.admin.query(sql)).rows[0].n;
          },
          { timeout: 15_000 },
        )
        .toBe(0);
    },
  );

  it.runIf(process.env.LOCAL_DATABASE_URL)(
    'is cancelled from another session when whoever asked has left, at whatever moment',
    async () => {
      const { hostname, port, pathname, username, password } = new URL(database.adminUrl);
      const target: Target = {
        workspace_id: newUuid(),
        connection_id: newUuid(),
        host: hostname,
        port: Number(port),
        database: pathname.slice(1),
        user: username,
        authentication: 'password',
        ssl: 'disable',
        ca_certificate: null,
        secret_arn: 'arn',
      };
      // Each invocation has a process of its own.
      const opened: PostgresCustomerDatabases[] = [];
      const client = new DatabaseClient({
        ask(request) {
          const databases = new PostgresCustomerDatabases({
            rules: { allowedNetworks: [], publicPorts: [], loopback: true },
            resolve: async () => ['127.0.0.1'],
            password: async () => password,
            authorities: () => '',
          });
          opened.push(databases);
          return answerRequest(databases, request);
        },
      });
      const active = async () => {
        const sql = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'dbrag %'";
        return (await database.admin.query(sql)).rows[0].n;
      };
      try {
        for (const milliseconds of [1, 30, 400]) {
          const began = performance.now();
          const running = client.runStatement(
            {
              v: 1,
              kind: 'run_statement',
              target,
              deadline: Date.now() + 30_000,
              statement_id: newUuid(),
              statement: 'SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b',
              tables: [],
              schemas: [...shop.schemas],
              types: [],
              limits: { ...limits, cost: 1e30 },
            },
            AbortSignal.timeout(milliseconds),
          );
          await expect(running).rejects.toMatchObject({ code: 'sql_timeout' });
          expect(performance.now() - began).toBeLessThan(6_000);
          expect(await active()).toBe(0);
        }
      } finally {
        for (const databases of opened) await databases.close();
      }
    },
  );
});
